"""Nodes behind NATs connect (defect 1): real programs in network namespaces.

argv: folder of the programs; then unittest's own. Needs root, nft and turnserver: run.sh sees to that.
"""
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

from network import CONE, OUTER, SYMMETRIC, Network, run

BIN = os.path.abspath(sys.argv[1])
CONFIG = '''
[package]
name = "%s"
manufacturer = "acme"
type = "%s"
[system.signaling]
url = "ws://203.0.113.1:8080/signaling/ws"
[system.deployment]
realm = 1
[system.webrtc]
%s
'''
STUN = f'ice_servers = ["stun:{OUTER}:8080"]'  # actrd's own
TURN = f'ice_servers = ["stun:{OUTER}:8080", {{ url = "turn:{OUTER}:3478%s", username = "u", credential = "p" }}]'


class Nat(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.network = Network()
        self.addCleanup(self.network.remove)
        self.programs, self.readers = [], []
        self.addCleanup(self.stop)
        state = os.path.join(self.folder, 'actrd.db')
        run(os.path.join(BIN, 'actrd'), '--db', state, 'realm', 'add', '1', 'open')
        self.start('outer', 'actrd', '--db', state, '--insecure', '--listen', OUTER + ':8080')

    def start(self, where, name, *arguments, stderr=None):
        """A program in a namespace, ready; its log is kept for the words of a failure."""
        with open(os.path.join(self.folder, name + '.log'), 'w', encoding='utf-8') as log:
            program = subprocess.Popen(['ip', 'netns', 'exec', where, os.path.join(BIN, name), *arguments],
                                       stdout=subprocess.PIPE, stderr=stderr or log, text=True)
        self.programs.append(program)
        for line in program.stdout:
            if line.startswith('ready '):
                return program
        self.fail(f'{name} does not get ready: {self.log(name)}')

    def log(self, name):
        with open(os.path.join(self.folder, name + '.log'), encoding='utf-8') as file:
            return file.read()[-3000:]

    def stop(self):
        for program in reversed(self.programs):
            if program.poll() is None:
                program.send_signal(signal.SIGTERM)
                program.wait(20)
            program.stdout.close()
        for reader in self.readers:
            reader.join()

    def turn(self):
        """coturn on the outer network; it says what it relayed when it ends."""
        self.relay = subprocess.Popen(
            ['ip', 'netns', 'exec', 'outer', 'turnserver', '-n', '-L', OUTER, '-E', OUTER, '-p', '3478', '-a',
             '-u', 'u:p', '-r', 'test', '--no-tls', '--no-dtls', '--no-cli', '--log-file', 'stdout', '-v',
             '--pidfile', os.path.join(self.folder, 'turn.pid'), '--userdb', os.path.join(self.folder, 'turn.db')],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.programs.append(self.relay)
        for line in self.relay.stdout:
            if f'listener opened on : {OUTER}:3478' in line:
                break
        else:
            self.fail('turnserver does not get ready')

    def config(self, name, webrtc):
        path = os.path.join(self.folder, name + '.toml')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(CONFIG % (name, 'Echo' + name.capitalize(), webrtc))
        return path

    def serve(self, where, webrtc, stderr=None):
        return self.start(where, 'echo_service', self.config('service', webrtc), stderr=stderr)

    def client(self, where, webrtc, count, *more):
        program = subprocess.Popen(['ip', 'netns', 'exec', where, os.path.join(BIN, 'echo_client'),
                                 self.config('client', webrtc), '--json', '--count', str(count), *more],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.programs.append(program)
        return program

    def report(self, client):
        """What the client says at its end: no call has failed."""
        words, errors = client.communicate(timeout=40)
        report = json.loads(words)
        self.assertEqual(report['errors'], 0, errors + self.log('echo_service'))
        return report

    def kinds(self, report):
        """What kind of candidates the path has: ours and the peer's."""
        ours, theirs = re.fullmatch(r'(\w+) \S+ <-> (\w+) \S+', report['path']).groups()
        return ours, theirs

    def connect(self, service, client, count=20):
        self.serve('bob', service)
        return self.report(self.client('ann', client, count))

    def two_networks(self, ann, bob, ann_also='', bob_also=''):
        self.network.host('ann', self.network.router(ann, ann_also))
        self.network.host('bob', self.network.router(bob, bob_also))

    def test_defect_1_two_hosts_behind_cones_need_no_relay(self):
        self.two_networks(CONE, CONE)
        for kind in self.kinds(self.connect(STUN, STUN)):
            self.assertIn(kind, ('srflx', 'prflx'))

    def test_two_hosts_behind_one_router_talk_directly(self):
        router = self.network.router(CONE)
        self.network.host('ann', router, 2)
        self.network.host('bob', router, 3)
        self.assertEqual(self.kinds(self.connect(STUN, STUN)), ('host', 'host'))

    def test_a_symmetric_nat_and_a_cone_that_filters_need_a_relay_and_get_it(self):
        self.turn()
        self.two_networks(SYMMETRIC, CONE)
        self.assertTrue({'relay', 'prflx'} & set(self.kinds(self.connect(TURN % '', TURN % ''))))

    def test_defect_1_two_symmetric_nats_need_a_relay_and_get_it(self):
        self.turn()
        self.two_networks(SYMMETRIC, SYMMETRIC)
        self.assertIn('relay', self.kinds(self.connect(TURN % '', TURN % '')))

    def test_without_udp_the_relay_is_reached_over_tcp(self):
        self.turn()
        self.two_networks(CONE, CONE, ann_also='meta l4proto udp drop')
        self.assertEqual(self.kinds(self.connect(TURN % '', TURN % '?transport=tcp'))[0], 'relay')

    def test_defect_24_a_public_address_that_is_configured_needs_no_stun(self):
        self.two_networks(CONE, CONE)
        self.network.forward(2)
        report = self.connect('public_address = "203.0.113.12/10.2.0.2"', '')
        self.assertIn('<-> srflx 203.0.113.12:', report['path'])

    def test_relay_only_tells_no_address_of_its_own(self):
        self.turn()
        self.two_networks(CONE, CONE)
        only = TURN % '' + '\nrelay_only = true'
        self.assertEqual(self.kinds(self.connect(only, only)), ('relay', 'relay'))

    def test_a_peer_that_cannot_be_reached_is_told_as_one(self):
        self.two_networks(SYMMETRIC, SYMMETRIC)
        self.serve('bob', STUN)
        client = self.client('ann', STUN, 1)
        _, errors = client.communicate(timeout=40)
        self.assertNotEqual(client.returncode, 0)
        self.assertRegex(errors, r'ACTR_E_(UNAVAILABLE|TIMEOUT)')

    def test_one_packet_in_twenty_is_lost_and_no_call(self):
        lossy = 'meta l4proto udp numgen random mod 20 == 0 drop'
        self.two_networks(CONE, CONE, ann_also=lossy)
        report = self.report_of_many(2000)
        self.assertEqual(report['calls'], 2000)

    def report_of_many(self, count):
        self.serve('bob', STUN)
        return self.report(self.client('ann', STUN, count, '--concurrency', '16'))

    def calls_through(self, webrtc, outage, end):
        """Calls without a pause; the outage begins once they flow and ends when the service notices."""
        os.environ['ACTR_LOG'] = 'debug'
        service = self.serve('bob', webrtc, stderr=subprocess.PIPE)
        del os.environ['ACTR_LOG']
        self.states = queue.Queue()
        reader = threading.Thread(target=self.read_states, args=[service.stderr])
        reader.start()
        self.readers.append(reader)
        client = self.client('ann', webrtc, 20000)
        self.assertEqual([self.state(), self.state()], ['1 connecting', '1 connected'])
        outage()
        self.assertEqual(self.state(), '1 recovering')
        end()
        self.assertEqual(self.state(), '1 connected')
        return client

    def read_states(self, log):
        names = ['idle', 'connecting', 'connected', 'recovering', 'disconnected']
        for line in log:  # until it ends: a full pipe would hold it
            change = re.search(r'category=peer .*session=(\d+) state=(\d)', line)
            if change:
                self.states.put(f'{change[1]} {names[int(change[2])]}')
        log.close()

    def state(self):
        return self.states.get(timeout=60)

    def test_calls_outlive_a_cable_that_is_pulled(self):
        self.two_networks(CONE, CONE)
        self.report(self.calls_through(STUN, lambda: run('ip', '-n', 'ann', 'link', 'set', 'eth', 'down'),
                                       lambda: self.network.plug('ann', 1)))

    def test_calls_outlive_a_router_that_forgets_its_ports(self):
        self.turn()
        self.two_networks(CONE, CONE)

        def restart():
            # masquerade forgets what it has noted when its device goes down, and `random` gives other ports
            run('ip', '-n', 'router1', 'link', 'set', 'outer', 'down')
            self.network.nft('router1', 'flush chain ip nat out\n'
                             'add rule ip nat out oifname "outer" masquerade random')
            run('ip', '-n', 'router1', 'link', 'set', 'outer', 'up')

        # The connection to the server is gone too; its identity is resumed, and so is the session.
        report = self.report(self.calls_through(TURN % '', restart, lambda: None))
        self.assertIn('relay', self.kinds(report))

    def test_over_ipv6_alone(self):
        for name, last in ('ann', 2), ('bob', 3):
            self.network.add(name)
            self.network.cable('outer', name, name, 'eth')
            run('ip', '-n', 'outer', 'link', 'set', name, 'master', 'bridge')
            run('ip', '-n', name, 'addr', 'add', f'2001:db8::{last}/64', 'dev', 'eth', 'nodad')
            # signaling only: UDP of IPv4 goes nowhere
            run('ip', '-n', name, 'addr', 'add', f'203.0.113.{last}/24', 'dev', 'eth')
            self.network.nft(name, 'table ip f { chain o { type filter hook output priority 0; '
                                   'meta l4proto udp drop; }; }')
        report = self.connect('', '')
        self.assertEqual(self.kinds(report), ('host', 'host'))
        self.assertIn('[2001:db8::2]', report['path'])


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
