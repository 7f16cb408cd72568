"""The first five minutes of a user: actr new, make, run, call; then an access rule.

argv: actr, protoc-gen-actr, actrd, build folder, b_sanitize; then unittest's own.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

ACTR, PLUGIN, ACTRD, BUILD = map(os.path.abspath, sys.argv[1:5])
SANITIZE = [] if sys.argv[5] == 'none' else ['LDFLAGS=-fsanitize=' + sys.argv[5]]
ADA = b'\n\x03Ada'  # SayRequest { name: "Ada" }
HELLO = b'\n\x09hello Ada'

CALLER = '''
[package]
name = "caller"
manufacturer = "acme"
type = "%s"
[system.signaling]
url = "%s"
[system.deployment]
realm = 1
'''
RULE = '''
[[acl.rule]]
permission = "allow"
from = "acme:Friend"
'''


class Program:
    """A program that prints `ready WHAT` and runs until SIGTERM."""

    def __init__(self, *arguments, cwd=None):
        self.process = subprocess.Popen(arguments, cwd=cwd, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.what = line.removeprefix('ready ').strip() if line.startswith('ready ') else None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=30)
        self.process.stdout.close()
        return status


class Project(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.server = Program(ACTRD, '--dev', '--listen', '127.0.0.1:0')
        self.addCleanup(self.server.stop)
        self.assertIsNotNone(self.server.what)
        self.project = os.path.join(self.folder, 'hello')
        self.make_project()

    def make_project(self):
        environment = dict(os.environ, PKG_CONFIG_PATH=os.path.join(BUILD, 'meson-uninstalled'))
        subprocess.run([ACTR, 'new', 'hello'], cwd=self.folder, check=True, capture_output=True)
        subprocess.run(['make', 'PROTOC=protoc --plugin=protoc-gen-actr=' + PLUGIN, *SANITIZE],
                       cwd=self.project, env=environment, check=True, capture_output=True)
        path = os.path.join(self.project, 'Actr.toml')
        with open(path, encoding='utf-8') as file:
            text = file.read()
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text.replace('ws://127.0.0.1:8080/signaling/ws', self.server.what))

    def call(self, who, request):
        path = os.path.join(self.folder, who + '.toml')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(CALLER % (who, self.server.what))
        return subprocess.run(
            [ACTR, 'call', path, 'acme:hello.HelloService', 'hello.HelloService.Say',
             '--data-file', '-'], input=request, capture_output=True, timeout=60)

    def start(self):
        service = Program(os.path.join(self.project, 'build', 'hello'), cwd=self.project)
        self.assertRegex(service.what or '', r'^acme:hello\.HelloService@[0-9a-f]+:1$')
        return service

    def test_a_new_project_answers_calls(self):
        service = self.start()
        result = self.call('Friend', ADA)
        self.assertEqual((result.returncode, result.stdout), (0, HELLO), result.stderr)
        result = self.call('Friend', b'')
        self.assertEqual(result.returncode, 7)
        self.assertIn(b'who are you?', result.stderr)
        self.assertEqual(service.stop(), 0)

    def test_defect_9_an_access_rule_of_the_file_has_effect(self):
        with open(os.path.join(self.project, 'Actr.toml'), 'a', encoding='utf-8') as file:
            file.write(RULE)
        service = self.start()
        result = self.call('Friend', ADA)
        self.assertEqual((result.returncode, result.stdout), (0, HELLO), result.stderr)
        result = self.call('Stranger', ADA)
        self.assertIn(result.returncode, (3, 4))  # not told of it, or refused by it
        self.assertEqual(result.stdout, b'')
        self.assertEqual(service.stop(), 0)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[6:])
