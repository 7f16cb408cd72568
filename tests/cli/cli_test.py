"""The program `actr` from outside: what it prints, where, and its exit status.

argv: actr, protoc-gen-actr, build folder, source folder, b_sanitize; then unittest's own.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ACTR, PLUGIN, BUILD, SOURCE = map(os.path.abspath, sys.argv[1:5])
SANITIZE = [] if sys.argv[5] == 'none' else ['LDFLAGS=-fsanitize=' + sys.argv[5]]
DATA = os.path.join(SOURCE, 'tests', 'data')


def run(*arguments, cwd=None):
    return subprocess.run([ACTR, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60)


class Cli(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def expect(self, result, status, stdout=None, stderr=None):
        self.assertEqual(result.returncode, status, result.stderr)
        if stdout is not None:
            self.assertEqual(result.stdout, stdout)
        if stderr is not None:
            self.assertIn(stderr, result.stderr)
        if status:
            self.assertNotEqual(result.stderr, '')

    def test_every_verb_has_help(self):
        verbs = [line.split()[0] for line in run('--help').stdout.splitlines()
                 if line.startswith('  ')]
        self.assertIn('check', verbs)
        for verb in verbs:
            result = run(verb, '--help')
            self.expect(result, 0)
            self.assertTrue(result.stdout.startswith('usage: actr ' + verb), verb)

    def test_an_unknown_verb_is_a_usage_error(self):
        self.expect(run('frobnicate'), 2, '', 'no verb "frobnicate"')
        self.expect(run(), 2, '', 'usage:')

    def test_a_fingerprint_is_the_originals(self):
        path = os.path.join(DATA, 'fingerprint', 'mix.proto')
        want = 'semantic:ebcfc327f50a72236aeebe2ba93b1546737327f78074495fda1023bccc41f1a8'
        lines = run('fingerprint', path).stdout.splitlines()
        self.assertEqual(lines[0], want + '  ' + path)
        self.assertTrue(lines[1].startswith('service_semantic:'))
        result = json.loads(run('fingerprint', '--json', path).stdout)
        self.assertEqual(result['files'][0]['fingerprint'], want)
        self.assertEqual(result['service'], lines[1])

    def test_a_file_that_is_no_proto_is_told_with_its_line(self):
        path = self.write('x.proto', 'syntax = "proto3";\nmessage {}\n')
        self.expect(run('fingerprint', path), 2, '', 'x.proto:2: expected a name, got "{"')

    def test_defect_71_outside_a_project_the_missing_file_is_named(self):
        here = os.path.realpath(self.folder)
        self.expect(run('check', cwd=here), 2, '', 'Actr.toml: no such file in ' + here)
        self.expect(run('lock', 'a', 'b', cwd=here), 2, '', 'Actr.toml: no such file in ' + here)

    def test_check_prints_what_would_be_registered(self):
        path = os.path.join(DATA, 'config', 'project', 'Actr.toml')
        result = json.loads(run('check', path, '--json').stdout)
        self.assertEqual(result['manufacturer'], 'acme')
        self.assertEqual(result['realm'], 7)
        self.assertEqual(len(result['exports']), 3)
        self.assertIn('deny acme:client of any realm', result['acl'])
        self.assertIn('type         acme:EchoService\n', run('check', path).stdout)

    def test_check_names_file_line_and_key(self):
        path = self.write('Actr.toml', '[system.webrtc]\nrelay_onli = true\n')
        self.expect(run('check', path), 2, '',
                    'Actr.toml:2: key `system.webrtc.relay_onli`: expected a known key, '
                    'did you mean `relay_only`?')

    def test_compat_names_what_is_gone(self):
        old = self.write('a.proto', 'syntax = "proto3"; message A { int32 x = 1; }')
        os.mkdir(os.path.join(self.folder, 'new'))
        new = self.write('new/a.proto', 'syntax = "proto3"; message A {}')
        self.expect(run('compat', old, '--', old), 0, 'full\n')
        self.expect(run('compat', new, '--', old), 0, 'backward\n  a: PROTO_CHANGE\n')
        result = run('compat', old, '--', new)
        self.assertEqual(result.returncode, 1)
        self.assertIn('field 1 (x) of message A is gone', result.stdout)

    def project(self):
        self.expect(run('new', 'hello-you', '--manufacturer', 'me', cwd=self.folder), 0)
        return os.path.join(self.folder, 'hello-you')

    def test_a_new_project_is_in_order(self):
        folder = self.project()
        self.expect(run('check', cwd=folder), 0)
        result = json.loads(run('check', '--json', cwd=folder).stdout)
        self.assertEqual(result['routes'], ['helloyou.HelloyouService.Say'])
        self.expect(run('new', 'hello-you', cwd=self.folder), 2, '', 'File exists')
        self.expect(run('new', 'Hello'), 2, '', 'expected a name of lower-case letters')

    def test_a_new_project_builds_against_the_library(self):
        folder = self.project()
        environment = dict(os.environ, PKG_CONFIG_PATH=os.path.join(BUILD, 'meson-uninstalled'))
        result = subprocess.run(
            ['make', 'CFLAGS=-Wall -Wextra -Wshadow -Wconversion -Werror',
             'PROTOC=protoc --plugin=protoc-gen-actr=' + PLUGIN, *SANITIZE],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=100)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        program = os.path.join(folder, 'build', 'hello-you')
        result = subprocess.run([program, 'nowhere.toml'], capture_output=True, text=True,
                                timeout=60)
        self.expect(result, 2, '', 'error: cannot load the configuration: nowhere.toml: no such')

    def test_lock_keeps_the_files_and_check_compares_them(self):
        folder = self.project()
        proto = os.path.join(folder, 'proto', 'helloyou.proto')
        config = os.path.join(folder, 'Actr.toml')
        with open(config, 'a', encoding='utf-8') as file:
            file.write('\n[dependencies]\nfriend = {}\n')
        self.expect(run('lock', 'stranger', proto, cwd=folder), 2, '', 'expected the alias')
        result = run('lock', 'friend', proto, cwd=folder)
        self.expect(result, 0)
        with open(os.path.join(folder, 'actr.lock.toml'), encoding='utf-8') as file:
            text = file.read()
        self.assertIn('name = "friend"\n', text)
        self.assertIn('service HelloyouService {\n', text)
        self.expect(run('lock', 'friend', proto, cwd=folder), 0, result.stdout)
        self.assertIn('any version, locked', run('check', cwd=folder).stdout)
        with open(config, 'a', encoding='utf-8') as file:
            file.write('friend.fingerprint = "service_semantic:0000"\n')
        with open(config, encoding='utf-8') as file:
            text = file.read().replace('friend = {}\n', '')
        with open(config, 'w', encoding='utf-8') as file:
            file.write(text)
        self.expect(run('check', cwd=folder), 2, '', 'dependency `friend`: expected fingerprint')
        self.expect(run('lock', 'friend', proto, cwd=folder), 2, '', 'expected files of')


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[6:])
