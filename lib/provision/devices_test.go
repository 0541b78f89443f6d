package provision_test

import (
	"fmt"
	"strings"
	"testing"

	"lander/lib/provision"
	"lander/lib/store"
)

// One record that is damaged hides no other board.
func TestDevicesBesideDamage(t *testing.T) {
	st := store.NewMemory()
	for key, text := range map[string]string{"device/1": `{"device":"1"}`, "device/2": `{"device":`, "device/3": `{"device":"3"}`} {
		if _, err := st.Put(t.Context(), key, []byte(text), 0); err != nil {
			t.Fatal(err)
		}
	}
	all, err := provision.Devices(t.Context(), st)
	if err == nil || !strings.Contains(err.Error(), "device/2") {
		t.Errorf("the damaged one is not named: %v", err)
	}
	var ids []string
	for _, d := range all {
		ids = append(ids, d.ID)
	}
	if got := fmt.Sprint(ids); got != "[1 3]" {
		t.Errorf("the boards are %s", got)
	}
}
