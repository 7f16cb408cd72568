"""`actr dlq` from outside, on a file with the original's table as the original would write it.

argv: actr; then unittest's own.
"""
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

ACTR = os.path.abspath(sys.argv[1])


def varint(n):
    out = b''
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


ACTR_ID = field(1, field(1, 7)) + field(2, 0x1a) + field(3, field(1, b'acme') + field(2, b'Caller'))
ENVELOPE = field(1, b'acme.Echo') + field(2, b'payload') + field(102, b'r-1') + field(104, 1000)
A = '00000000-0000-4000-8000-00000000000a'
B = '00000000-0000-4000-8000-00000000000b'
TABLE = '''CREATE TABLE dead_letter_queue(id TEXT PRIMARY KEY, original_message_id TEXT,
 from_actr_id BLOB, to_actr_id BLOB, raw_bytes BLOB NOT NULL, error_message TEXT NOT NULL,
 error_category TEXT NOT NULL, trace_id TEXT NOT NULL, request_id TEXT, created_at TEXT NOT NULL,
 redrive_attempts INTEGER NOT NULL DEFAULT 0, last_redrive_at TEXT, context TEXT)'''


class Dlq(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, 'box.db')
        with sqlite3.connect(self.path + '.dlq') as db:
            db.execute('PRAGMA journal_mode=WAL')
            db.execute(TABLE)
            now = time.strftime('%Y-%m-%dT%H:%M:%S.123456789+00:00', time.gmtime())
            insert = 'INSERT INTO dead_letter_queue VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)'
            db.execute(insert, (A, '17', ACTR_ID, ACTR_ID, ENVELOPE, 'gave up\x1b[31m',
                                'max_attempts', 't1', 'r-1', now, 0, None, '{}'))
            db.execute(insert, (B, None, None, None, b'\xff\xff', 'Protobuf decode failed: no',
                                'protobuf_decode', 't2', None, '2020-01-01T00:00:00+00:00', 0,
                                None, None))
        db.close()

    def dlq(self, *arguments, status=0):
        result = subprocess.run([ACTR, 'dlq', '--mailbox', self.path, *arguments],
                                capture_output=True, timeout=60)
        self.assertEqual(result.returncode, status, result.stderr)
        return result.stdout if '--raw' in arguments else result.stdout.decode()

    def fails(self, status, words, *arguments):
        result = subprocess.run([ACTR, 'dlq', '--mailbox', self.path, *arguments],
                                capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertIn(words, result.stderr)
        self.assertEqual(result.stdout, '')

    def column(self, sql):
        db = sqlite3.connect(self.path + '.dlq')
        rows = [row[0] for row in db.execute(sql)]
        db.close()
        return rows

    def test_ls_is_newest_first_and_safe_for_a_terminal(self):
        lines = self.dlq('ls').splitlines()
        self.assertTrue(lines[0].startswith(A))
        self.assertTrue(lines[1].startswith(B + '  2020-01-01T00:00:00Z'))
        self.assertIn('gave up?[31m', lines[0])
        self.assertEqual(lines[2], '2 letters in all, 0 of them redriven')

    def test_ls_filters(self):
        def ids(*arguments):
            return [l['id'] for l in json.loads(self.dlq('ls', '--json', *arguments))['letters']]
        self.assertEqual(ids(), [A, B])
        self.assertEqual(ids('--category', 'protobuf_decode'), [B])
        self.assertEqual(ids('--trace', 't1'), [A])
        self.assertEqual(ids('--from', 'acme:Caller@1a:7'), [A])
        self.assertEqual(ids('--newer-than', '1h'), [A])
        self.assertEqual(ids('--limit', '1'), [A])

    def test_show_has_every_field(self):
        text = self.dlq('show', A)
        for word in ('acme:Caller@1a:7', 'max_attempts', 't1', 'r-1', 'acme.Echo, 7 bytes', '17'):
            self.assertIn(word, text)
        letter = json.loads(self.dlq('show', A, '--json'))
        self.assertEqual(bytes.fromhex(letter['raw_bytes']), ENVELOPE)
        self.assertEqual(letter['redrive_attempts'], 0)
        self.assertIsNone(letter['last_redrive_at'])
        self.assertEqual(self.dlq('show', A, '--raw'), ENVELOPE)
        self.fails(3, 'no dead letter nobody', 'show', 'nobody')

    def test_redrive_marks_and_counts(self):
        self.assertEqual(self.dlq('redrive', A), '1 redriven\n')
        self.assertEqual(self.column('SELECT id FROM redrive'), [A])
        self.assertEqual(self.column('SELECT redrive_attempts FROM dead_letter_queue '
                                     'WHERE last_redrive_at IS NOT NULL'), [1])
        self.assertEqual(self.dlq('redrive', '--all'), '0 redriven\n')
        self.fails(7, 'would only come back', 'redrive', B)

    def test_redrive_all_leaves_out_what_cannot_be_decoded(self):
        self.assertEqual(json.loads(self.dlq('redrive', '--all', '--json')), {'redriven': 1})
        self.assertEqual(self.column('SELECT id FROM redrive'), [A])

    def test_purge(self):
        self.assertEqual(self.dlq('purge', '--older-than', '30d'), '1 purged\n')
        self.assertEqual(self.column('SELECT id FROM dead_letter_queue'), [A])
        self.fails(3, 'no dead letter', 'purge', B)
        self.assertEqual(self.dlq('purge', '--all'), '1 purged\n')
        self.assertEqual(self.column('SELECT id FROM dead_letter_queue'), [])

    def test_slips_are_usage_errors(self):
        for arguments in ((), ('ls', A), ('show',), ('purge',), ('redrive', '--all', A),
                          ('purge', '--older-than', 'soon'), ('ls', '--all'), ('ls', '--limit', '0'),
                          ('redrive', '--older-than', '1d')):
            self.fails(2, 'usage: actr dlq', *arguments)

    def test_a_missing_file_is_named(self):
        self.path = os.path.join(self.folder, 'other.db')
        self.fails(3, 'other.db.dlq', 'ls')


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
