# A first script for Python 3.
import sys

print("hello from Python %d.%d" % sys.version_info[:2])
