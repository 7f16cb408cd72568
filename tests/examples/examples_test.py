"""The examples do what their README.md says. They are run against a server of their own.

argv: folder of the programs, folder of the examples; then unittest's own.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

BIN, EXAMPLES = map(os.path.abspath, sys.argv[1:3])

CONFIG = '''
[package]
name = "%s"
manufacturer = "acme"
type = "%s"
[system.signaling]
url = "%s"
[system.deployment]
realm = 1
'''


def printed_by(example, number=0):
    """The output that the README of an example promises, in its fences that say `text`."""
    with open(os.path.join(EXAMPLES, example, 'README.md'), encoding='utf-8') as file:
        return re.findall(r'^```text\n(.*?)^```$', file.read(), re.M | re.S)[number]


class Program:
    """A program that is talked to line by line."""

    def __init__(self, name, *arguments):
        self.process = subprocess.Popen([os.path.join(BIN, name), *arguments], text=True,
                                        bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def line(self):
        return self.process.stdout.readline().removesuffix('\n')

    def say(self, line):
        self.process.stdin.write(line + '\n')

    def leave(self):
        """End its input; what it still prints, and its status."""
        rest, _ = self.process.communicate(timeout=60)
        return rest, self.process.returncode

    def stop(self):
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        self.leave()
        return self.process.returncode


class Examples(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        server = self.start('actrd', '--dev', '--listen', '127.0.0.1:0')
        self.url = server.line().removeprefix('ready ')
        self.assertTrue(self.url)

    def start(self, name, *arguments):
        program = Program(name, *arguments)
        self.addCleanup(program.stop)
        return program

    def config(self, name):
        path = os.path.join(self.folder, name + '.toml')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(CONFIG % (name, name, self.url))
        return path

    def test_shell_and_workload_call_each_other(self):
        program = self.start('shell_calls', self.config('Shop'))
        self.assertEqual(program.leave(), (printed_by('shell_calls'), 0))


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
