"""The C in README.md and docs/guide.md compiles as it stands, with every warning an error.

argv: folder of the checkout, C compiler, folder of echo.actr.h; then unittest's own.
"""
import re
import subprocess
import sys
import unittest
from pathlib import Path

ROOT, CC, GENERATED = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
FLAGS = ['-std=c11', '-Wall', '-Wextra', '-Werror', '-Wno-unused-function', '-Wno-unused-parameter',
         '-fsyntax-only', '-x', 'c', '-']


def blocks(page):
    return re.findall(r'^```c\n(.*?)^```$', (ROOT / page).read_text(encoding='utf-8'), re.M | re.S)


def compile_text(source):
    includes = ['-I', ROOT / 'include', '-I', GENERATED]
    return subprocess.run([CC, *includes, *FLAGS], input=source, capture_output=True, text=True).stderr


class Pages(unittest.TestCase):
    def test_each_program_of_the_readme_compiles(self):
        self.assertEqual(len(blocks('README.md')), 2)
        for block in blocks('README.md'):
            self.assertEqual(compile_text(block), '')

    def test_the_guide_compiles_as_one_file(self):
        self.assertGreater(len(blocks('docs/guide.md')), 6)
        source = '#include <stdio.h>\n#include "echo.actr.h"\n' + '\n'.join(blocks('docs/guide.md'))
        self.assertEqual(compile_text(source), '')


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
