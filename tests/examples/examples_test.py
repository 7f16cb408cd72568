"""The examples do what their README.md says. They are run against a server of their own.

argv: folder of the programs, folder of the examples; then unittest's own (Examples or Vanishing).
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import h264

BIN, EXAMPLES = map(os.path.abspath, sys.argv[1:3])

LINES = 200
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
        self.log = tempfile.TemporaryFile('w+')
        self.process = subprocess.Popen([os.path.join(BIN, name), *arguments], text=True,
                                        bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log)

    def errors(self):
        self.log.seek(0)
        return self.log.read()

    def line(self):
        return self.process.stdout.readline().removesuffix('\n')

    def say(self, line):
        self.process.stdin.write(line + '\n')

    def leave(self, last_words=None):
        """End its input; what it still prints, and its status."""
        rest, _ = self.process.communicate(last_words, timeout=60)
        return rest, self.process.returncode

    def stop(self):
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            self.leave()
        self.log.close()
        return self.process.returncode


class Test(unittest.TestCase):
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

    def start_room(self):
        room = self.start('chat_room', self.config('Room'))
        self.assertRegex(room.line(), r'^ready acme:chat\.Room@[0-9a-f]+:1$')
        return room

    def join(self, name):
        member = self.start('chat_client', self.config(name), name)
        self.assertEqual(member.line(), '* you joined')
        return member

    def start_camera(self):
        camera = self.start('camera_sender', self.config('Camera'), '--fps', '200')
        self.assertRegex(camera.line(), r'^ready acme:camera\.Camera@[0-9a-f]+:1$')
        return camera

    def record(self, name, frames):
        path = os.path.join(self.folder, name + '.h264')
        recorder = self.start('camera_receiver', self.config(name), path, '--frames', str(frames))
        recorder.path = path
        self.assertEqual(recorder.line(), 'the camera shows 64 x 48, 200 fps', recorder.errors())
        return recorder

    def check_film(self, recorder, frames):
        """What the file shows is what the camera showed; returns the pictures as I420."""
        words, status = recorder.leave()
        self.assertEqual(status, 0, recorder.errors())
        form = '^' + re.sub(r'[0-9.]+', lambda _: '([0-9.]+)', printed_by('camera').splitlines()[1])
        numbers = re.match(form, words)
        self.assertTrue(numbers, words)
        with open(recorder.path, 'rb') as file:
            data = file.read()
        pictures, keys = h264.read_film(data)
        self.assertEqual([len(pictures), keys, len(data)], [int(n) for n in numbers.group(1, 2, 3)])
        self.assertEqual(len(pictures), frames)
        shown = [h264.number_of(picture) for picture in pictures]
        for number, picture in zip(shown, pictures):
            self.assertEqual(picture, h264.draw(number))
        self.assertEqual(shown, sorted(set(shown)))
        if numbers.group(5, 6) == ('0', '0'):
            self.assertEqual(shown, list(range(shown[0], shown[0] + frames)))
            self.assertEqual(float(numbers.group(4)), round((frames - 1) / 200, 2))
        return b''.join(pictures)


class Examples(Test):
    def test_shell_and_workload_call_each_other(self):
        program = self.start('shell_calls', self.config('Shop'))
        self.assertEqual(program.leave(), (printed_by('shell_calls'), 0))

    def test_members_of_a_room_talk_as_the_readme_shows(self):
        room = self.start_room()
        ann = self.join('ann')
        heard = ['* you joined']
        bob = self.join('bob')
        heard.append(ann.line())
        ann.say('hello')
        heard.append(ann.line())
        self.assertEqual(bob.line(), 'ann: hello')
        bob.say('hi')
        heard.append(ann.line())
        self.assertEqual(bob.leave(), ('bob: hi\n', 0))
        heard.append(ann.line())
        self.assertEqual('\n'.join(heard) + '\n', printed_by('chat_stream'))
        self.assertEqual(ann.leave(), ('', 0))
        self.assertEqual(room.stop(), 0)

    def test_all_members_see_the_same_lines_in_the_same_order(self):
        self.start_room()
        members = [self.join(name) for name in ('ann', 'bob', 'cleo')]
        for later in range(1, 3):
            for member in members[:later]:
                self.assertEqual(member.line(), '* %s joined' % ('ann', 'bob', 'cleo')[later])
        for member in members[:2]:
            for i in range(LINES):
                member.say(str(i))
        heard = [[member.line() for _ in range(2 * LINES)] for member in members]
        self.assertEqual(heard[0], heard[1])
        self.assertEqual(heard[0], heard[2])
        for name in ('ann', 'bob'):
            own = [line for line in heard[0] if line.startswith(name)]
            self.assertEqual(own, ['%s: %d' % (name, i) for i in range(LINES)])

    def test_lines_said_before_the_goodbye_arrive(self):
        self.start_room()
        ann, bob = self.join('ann'), self.join('bob')
        self.assertEqual(ann.line(), '* bob joined')
        said = ['bob: %d' % i for i in range(LINES)]
        rest, status = bob.leave(''.join('%d\n' % i for i in range(LINES)))
        self.assertEqual((rest.splitlines(), status), (said, 0))
        self.assertEqual([ann.line() for _ in range(LINES + 1)], said + ['* bob left'])

    def test_a_name_is_given_once(self):
        self.start_room()
        self.join('ann')
        other = self.start('chat_client', self.config('other'), 'ann')
        _, status = other.leave()
        self.assertEqual(status, 1)
        self.assertIn('ACTR_E_ALREADY_EXISTS: ann is here already', other.errors())

    def test_a_camera_is_recorded_pixel_by_pixel(self):
        camera = self.start_camera()
        recorder = self.record('Recorder', 60)
        film = self.check_film(recorder, 60)
        self.assertEqual(camera.stop(), 0)
        if not shutil.which('ffprobe') or not shutil.which('ffmpeg'):
            print('# decoding by a player: skipped: no ffprobe')
            return
        probe = subprocess.run(['ffprobe', '-v', 'error', '-of', 'csv=p=0', '-count_frames',
                                '-show_entries', 'stream=codec_name,profile,width,height,'
                                'nb_read_frames', recorder.path], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, check=True)
        self.assertEqual(probe.stdout.strip(), 'h264,Constrained Baseline,64,48,60')
        player = subprocess.run(['ffmpeg', '-v', 'warning', '-i', recorder.path, '-f', 'rawvideo',
                                 '-pix_fmt', 'yuv420p', '-'], capture_output=True, check=True)
        self.assertEqual(player.stderr, b'')
        self.assertEqual(player.stdout, film)

    def test_a_viewer_who_comes_later_gets_a_key_frame_and_one_who_goes_disturbs_nobody(self):
        self.start_camera()
        first = self.record('First', 60)
        second = self.record('Second', 20)
        self.check_film(second, 20)
        self.check_film(first, 60)
        self.check_film(self.record('Third', 5), 5)


class Vanishing(Test):
    """Takes the 10 s after which a silent connection is given up."""

    def test_who_vanishes_has_left(self):
        self.start_room()
        ann, bob = self.join('ann'), self.join('bob')
        self.assertEqual(ann.line(), '* bob joined')
        bob.process.kill()
        self.assertEqual(ann.line(), '* bob left')

    def test_a_viewer_who_vanishes_leaves_the_camera_to_the_others(self):
        camera = self.start_camera()
        gone = self.record('Gone', 10000)
        recorder = self.record('Recorder', 2400)
        gone.process.kill()
        self.check_film(recorder, 2400)
        self.assertEqual(camera.stop(), 0)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
