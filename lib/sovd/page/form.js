// A form from the JSON schema of a script's parameters. What a plain field
// cannot hold is written as JSON.
import { el } from './dom.js';

const kindOf = s => Array.isArray(s.type) ? s.type.find(t => t !== 'null') : s.type;

function field(name, schema, required) {
  const id = 'p-' + name, kind = kindOf(schema);
  const about = schema.description ? el('small', {}, ' ' + schema.description) : '';
  const label = el('label', { for: id }, (schema.title || name) + (required ? ' *' : ''), about);
  let input, read;
  if (schema.enum) {
    input = el('select', { id }, required ? '' : el('option', { value: '' }, ''), ...schema.enum.map((v, i) => el('option', { value: String(i) }, typeof v === 'string' ? v : JSON.stringify(v))));
    if (schema.default !== undefined) input.value = String(schema.enum.indexOf(schema.default));
    read = () => input.value === '' ? undefined : schema.enum[Number(input.value)];
  } else if (kind === 'boolean') {
    input = el('input', { id, type: 'checkbox' });
    input.checked = schema.default === true;
    read = () => input.checked;
  } else if (kind === 'integer' || kind === 'number') {
    input = el('input', { id, type: 'number', step: kind === 'integer' ? '1' : 'any', min: schema.minimum, max: schema.maximum, required });
    if (schema.default !== undefined) input.value = schema.default;
    read = () => input.value === '' ? undefined : Number(input.value);
  } else if (kind === 'string') {
    input = el('input', { id, type: schema.format === 'password' ? 'password' : 'text', minlength: schema.minLength, maxlength: schema.maxLength, required, autocomplete: 'off' });
    if (schema.default !== undefined) input.value = schema.default;
    read = () => input.value === '' && !required ? undefined : input.value;
  } else {
    input = el('textarea', { id, rows: 3, required, spellcheck: false, placeholder: 'JSON' });
    if (schema.default !== undefined) input.value = JSON.stringify(schema.default);
    read = () => input.value.trim() === '' ? undefined : json(input.value, name);
  }
  return { name, node: el('div', {}, label, input), read };
}

function json(text, name) {
  try { return JSON.parse(text); } catch (e) { throw new Error(`${name} is not JSON: ${e.message}`); }
}

// parameters makes the fields, and a function that reads them: undefined when
// there are none.
export function parameters(schema) {
  if (!schema || kindOf(schema) !== 'object' || !schema.properties) {
    const area = el('textarea', { id: 'p-all', rows: 3, spellcheck: false, placeholder: '{}' });
    return {
      nodes: [el('div', {}, el('label', { for: 'p-all' }, 'Parameters ', el('small', {}, 'JSON, or nothing')), area)],
      read: () => area.value.trim() === '' ? undefined : json(area.value, 'Parameters'),
    };
  }
  const fields = Object.entries(schema.properties).map(([name, s]) => field(name, s === true ? {} : s, (schema.required || []).includes(name)));
  return {
    nodes: fields.map(f => f.node),
    read: () => {
      const out = {};
      for (const f of fields) {
        const v = f.read();
        if (v !== undefined) out[f.name] = v;
      }
      return out;
    },
  };
}
