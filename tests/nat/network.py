"""Networks of namespaces: an inner network behind each router, and the routers on one outer network.

    ann 10.1.0.2 -- router 10.1.0.1 | 203.0.113.11 --+
                                                     +-- outer 203.0.113.1: signaling server, STUN, TURN
    bob 10.2.0.2 -- router 10.2.0.1 | 203.0.113.12 --+

Everything lives in a mount and network namespace of the test's own (see run.sh): nothing is left behind.
203.0.113.0/24 and 2001:db8::/32 are documentation addresses (RFC 5737, RFC 3849).
"""
import subprocess

OUTER = '203.0.113.1'

# What the router does to packets that leave the inner network.
CONE = 'masquerade'              # one outer port for all destinations (RFC 4787: endpoint-independent)
SYMMETRIC = 'masquerade random'  # another one for each destination

RULES = '''
table ip nat {
	chain out { type nat hook postrouting priority 100; oifname "outer" %s; }
}
table inet filter {
	# Dropped before the connection is noted: one that was noted would keep the inner host from its port.
	chain own {
		type filter hook input priority 0; policy accept;
		ct state established,related accept
		iifname "outer" drop
	}
	chain pass {
		type filter hook forward priority 0; policy accept;
		%s
		ct state established,related accept
		iifname "outer" drop
	}
}
'''


def run(*command, stdin=None):
    done = subprocess.run(command, input=stdin, text=True, capture_output=True)
    if done.returncode:
        raise RuntimeError(f'{" ".join(command)}: {done.stderr.strip()}')
    return done.stdout


class Network:
    """The outer network; empty until there are routers."""

    def __init__(self):
        self.names, self.routers = [], 0
        self.add('outer')
        run('ip', '-n', 'outer', 'link', 'add', 'bridge', 'type', 'bridge')
        run('ip', '-n', 'outer', 'addr', 'add', OUTER + '/24', 'dev', 'bridge')
        run('ip', '-n', 'outer', 'link', 'set', 'bridge', 'up')
        # Packets to addresses that nobody has are lost, as out there; coturn gives up when it has no route.
        run('ip', '-n', 'outer', 'route', 'add', 'default', 'dev', 'bridge')

    def add(self, name):
        run('ip', 'netns', 'add', name)
        self.names.append(name)
        run('ip', '-n', name, 'link', 'set', 'lo', 'up')

    def cable(self, one, one_end, other, other_end):
        run('ip', '-n', one, 'link', 'add', one_end, 'type', 'veth', 'peer', 'name', other_end, 'netns', other)
        run('ip', '-n', one, 'link', 'set', one_end, 'up')
        run('ip', '-n', other, 'link', 'set', other_end, 'up')

    def router(self, nat, also=''):
        """A router and its inner network; `also`: rules of nft for packets that it forwards. Its number."""
        self.routers += 1
        number = self.routers
        name = f'router{number}'
        self.add(name)
        self.cable('outer', f'port{number}', name, 'outer')
        run('ip', '-n', 'outer', 'link', 'set', f'port{number}', 'master', 'bridge')
        run('ip', '-n', name, 'addr', 'add', f'203.0.113.{10 + number}/24', 'dev', 'outer')
        run('ip', '-n', name, 'link', 'add', 'inner', 'type', 'bridge')
        run('ip', '-n', name, 'addr', 'add', f'10.{number}.0.1/24', 'dev', 'inner')
        run('ip', '-n', name, 'link', 'set', 'inner', 'up')
        run('ip', 'netns', 'exec', name, 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
        run('ip', 'netns', 'exec', name, 'nft', '-f', '-', stdin=RULES % (nat, also))
        return number

    def host(self, name, router, last=2):
        """A host 10.ROUTER.0.LAST in the inner network of a router."""
        self.add(name)
        self.cable(f'router{router}', name, name, 'eth')
        run('ip', '-n', f'router{router}', 'link', 'set', name, 'master', 'inner')
        run('ip', '-n', name, 'addr', 'add', f'10.{router}.0.{last}/24', 'dev', 'eth')
        self.plug(name, router)

    def forward(self, router, last=2):
        """The router's outer address is that of one inner host (a 1:1 NAT); connections from outside may pass."""
        self.nft(f'router{router}', f'''
            flush chain inet filter pass
            add chain ip nat in {{ type nat hook prerouting priority -100; }}
            add rule ip nat in iifname "outer" meta l4proto udp dnat to 10.{router}.0.{last}
        ''')

    def plug(self, name, router):
        run('ip', '-n', name, 'link', 'set', 'eth', 'up')
        run('ip', '-n', name, 'route', 'add', 'default', 'via', f'10.{router}.0.1')

    def nft(self, name, rules):
        run('ip', 'netns', 'exec', name, 'nft', '-f', '-', stdin=rules)

    def remove(self):
        for name in self.names:
            run('ip', 'netns', 'del', name)
