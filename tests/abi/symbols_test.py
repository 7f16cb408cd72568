"""What the libraries export: exactly what the public headers declare, and nothing of a dependency.

argv: folder of the headers (include), libactr.so, libactr.a, libactr-config.a; then unittest's own.
"""
import re
import subprocess
import sys
import unittest
from pathlib import Path

INCLUDE, SHARED, STATIC, CONFIG = map(Path, sys.argv[1:5])
# Marked "(libactr-config)" in the headers: not in the shared library, since Actr.toml needs C++.
OF_CONFIG = {'actr_config_load', 'actr_config_free', 'actr_join', 'actr_serve', 'actr_serve_workload'}


def declared():
    names = set()
    for header in INCLUDE.glob('actr/*.h'):
        text = re.sub(r'/\*.*?\*/', '', header.read_text(encoding='utf-8'), flags=re.S)
        for declaration in re.findall(r'^ACTR_API\b([^;]*);', text, re.M):
            function = re.search(r'\b(actr_\w+)\s*\(', declaration)
            names.add(function[1] if function else re.search(r'(\w+)\s*$', declaration)[1])
    return names


def symbols(path, *options):
    """Names of the strong global functions and objects that a library defines."""
    text = subprocess.check_output(['nm', '--defined-only', '--extern-only', *options, path],
                                   text=True, stderr=subprocess.DEVNULL)
    found = set()
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[1] in 'TDBRC':
            found.add(fields[2].removeprefix('__odr_asan.'))
    return found


class Symbols(unittest.TestCase):
    def test_the_shared_library_exports_what_the_headers_declare_and_nothing_else(self):
        exported = symbols(SHARED, '--dynamic', '--with-symbol-versions')
        self.assertEqual({name.partition('@')[2] for name in exported}, {'@ACTR_0.1'})
        self.assertEqual({name.partition('@')[0] for name in exported}, declared() - OF_CONFIG)

    def test_the_config_library_has_the_rest(self):
        self.assertEqual(OF_CONFIG - symbols(CONFIG), set())

    def test_a_static_library_takes_no_name_that_is_not_its_own(self):
        for library in (STATIC, CONFIG):
            with self.subTest(library=library.name):
                foreign = {name for name in symbols(library) if not name.startswith(('actr_', '_ZN', '_ZT'))}
                self.assertEqual(sorted(foreign)[:10], [])


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[5:])
