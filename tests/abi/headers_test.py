"""The public headers: each compiles alone, in C and in C++, and every initializer is without a warning.

argv: folder of the headers (include), C compiler, C++ compiler; then unittest's own.
"""
import re
import subprocess
import sys
import unittest
from pathlib import Path

INCLUDE, CC, CXX = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
HEADERS = sorted(INCLUDE.glob('actr/*.h'))
PEDANTIC = ['-Wall', '-Wextra', '-Wpedantic', '-Wshadow', '-Wconversion', '-Werror']
COMPILERS = [[CC, '-x', 'c', '-std=c11', '-Wstrict-prototypes'], [CXX, '-x', 'c++', '-std=c++17']]
INITIALIZERS = re.findall(r'#define (ACTR_(\w+)_INIT)\b(?!\()',
                          ''.join(header.read_text(encoding='utf-8') for header in HEADERS))


def complaints(compiler, source):
    """What the compiler says of all sources at once: one process for each language."""
    result = subprocess.run([*compiler, *PEDANTIC, '-I', INCLUDE, '-fsyntax-only', '-'],
                            input=source, capture_output=True, text=True)
    return result.stderr or ('' if result.returncode == 0 else 'failed without a word')


def initialized(name, struct):
    return f'{struct} a_{name.lower()} = {name};\n'


class Headers(unittest.TestCase):
    def test_each_header_compiles_alone_in_both_languages(self):
        self.assertGreater(len(HEADERS), 10)
        for header in HEADERS:
            for compiler in COMPILERS:
                with self.subTest(header=header.name, language=compiler[2]):
                    source = f'#include <actr/{header.name}>\nextern int not_empty;\n'
                    self.assertEqual(complaints(compiler, source), '')

    def test_all_headers_compile_as_the_oldest_and_as_later_standards(self):
        source = '#include <actr/actr.h>\n'
        for compiler in ([CC, '-x', 'c', '-std=c99'], [CC, '-x', 'c', '-std=c17'],
                         [CXX, '-x', 'c++', '-std=c++11'], [CXX, '-x', 'c++', '-std=c++20']):
            with self.subTest(standard=compiler[3]):
                self.assertEqual(complaints(compiler, source), '')

    def test_actr_h_has_all_of_them(self):
        text = (INCLUDE / 'actr/actr.h').read_text(encoding='utf-8')
        included = set(re.findall(r'#include <actr/(\w+\.h)>', text))
        missing = {header.name for header in HEADERS} - included
        # options.pb-c.h is for generated code, export.h comes with each of the others
        self.assertEqual(missing, {'actr.h', 'export.h', 'options.pb-c.h'})

    def test_every_initializer_is_without_a_warning_in_both_languages(self):
        self.assertGreater(len(INITIALIZERS), 6)
        pairs = [(name, 'actr_' + struct.lower()) for name, struct in INITIALIZERS if struct != 'SIZED']
        source = '#include <actr/actr.h>\nextern int use(const void *);\n'
        source += ''.join('extern ' + struct + f' a_{name.lower()};\n' for name, struct in pairs)
        source += ''.join(initialized(name, struct) for name, struct in pairs)  # of static storage
        source += 'int in_a_function(void);\nint in_a_function(void)\n{\n\tint sum = 0;\n'
        for name, struct in pairs:
            source += f'\t{{ {struct} local = {name}; sum += use(&local); }}\n'
        source += '\treturn sum;\n}\n'
        for compiler in COMPILERS:
            with self.subTest(language=compiler[2]):
                self.assertEqual(complaints(compiler, source), '')

    def test_a_struct_with_a_size_has_an_initializer(self):
        named = {'actr_' + struct.lower() for _, struct in INITIALIZERS}
        for header in HEADERS:
            text = header.read_text(encoding='utf-8')
            for comment, struct in re.findall(
                    r'typedef struct \w+ \{\n\tsize_t size;([^\n]*)(?:\n[^}].*?)?\n\} (\w+);', text, re.S):
                # what only the library fills (no sizeof in its comment, or "of the library") needs none
                if 'sizeof(' in comment and 'of the library' not in comment:
                    with self.subTest(struct=struct):
                        self.assertIn(struct, named | {'actr_service'})  # generated


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
