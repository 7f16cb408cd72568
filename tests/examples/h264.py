"""Reads what examples/camera/clip.c writes: I_PCM and skipped macroblocks, one slice a picture.

Written from ITU-T H.264 and from the film's description, not from clip.c, so that an error there is
seen here. A picture is its samples as I420: Y, then Cb and Cr of a quarter of the size.
"""
import functools
import re

WIDTH, HEIGHT = 64, 48
LUMA, CHROMA = WIDTH * HEIGHT, WIDTH * HEIGHT // 4


# --- what the camera shows

@functools.lru_cache
def ground(left):
    """Y above the number, Cb and Cr, with the square at this place."""
    def inside(x, y):
        return y < 16 and (x - left) % WIDTH < 16

    def luma(x, y):
        return 0 if inside(x, y) else 16 + 2 * x + y

    def chroma(x, y, value):
        return 128 if y >= HEIGHT - 4 or inside(x, y) else 64 + 2 * value

    quarter = [(x, y) for y in range(0, HEIGHT, 2) for x in range(0, WIDTH, 2)]
    return (bytes(luma(x, y) for y in range(HEIGHT - 4) for x in range(WIDTH)),
            bytes([chroma(x, y, x) for x, y in quarter] + [chroma(x, y, y) for x, y in quarter]))


def draw(number):
    """A black square runs over a coloured ground; the last 4 lines are the number in binary."""
    above, colours = ground(2 * number % WIDTH)
    row = b''.join((b'\x10', b'\xeb')[digit == '1'] * 4 for digit in f'{number & 0xffff:016b}')
    return above + 4 * row + colours


def number_of(picture):
    row = picture[(HEIGHT - 1) * WIDTH:LUMA]
    return int(''.join('1' if row[x] > 127 else '0' for x in range(2, WIDTH, 4)), 2)


# --- bits

class Bits:
    def __init__(self, unit):
        """Byte 0 is the header; the 3 behind two zeros is no part of what follows (7.3.1)."""
        assert not re.search(rb'\0\0[\0-\x02]|\0\0\x03[^\0-\x03]|\0\Z', unit), 'a start code inside'
        self.data = unit.replace(b'\0\0\3', b'\0\0')
        self.at = 8
        self.end = 8 * len(self.data) - 1
        while not self.bit_at(self.end):
            self.end -= 1

    def bit_at(self, at):
        return self.data[at // 8] >> (7 - at % 8) & 1

    def u(self, count):
        value = 0
        for _ in range(count):
            value = value << 1 | self.bit_at(self.at)
            self.at += 1
        return value

    def ue(self):
        zeros = 0
        while not self.u(1):
            zeros += 1
        return (1 << zeros) - 1 + self.u(zeros)

    def more(self):
        return self.at < self.end

    def take(self, size):
        """Whole bytes, behind zero bits up to their begin."""
        while self.at % 8:
            assert self.u(1) == 0
        begin = self.at // 8
        self.at += 8 * size
        return self.data[begin:begin + size]


# --- the stream

def check_sps(b):
    assert (b.u(8), b.u(8), b.u(8)) == (66, 0xe0, 31)  # constrained baseline, level 3.1
    assert [b.ue() for _ in range(4)] == [0, 12, 2, 1]
    assert (b.u(1), b.ue(), b.ue(), b.u(4)) == (0, WIDTH // 16 - 1, HEIGHT // 16 - 1, 0b1100)
    assert not b.more()


def check_pps(b):
    assert (b.ue(), b.ue(), b.u(2), b.ue(), b.ue(), b.ue(), b.u(3)) == (0, 0, 0, 0, 0, 0, 0)
    assert [b.ue() for _ in range(3)] == [0, 0, 0]
    assert b.u(3) == 0b100 and not b.more()


def put_macroblock(picture, mb, samples):
    x, y = mb % (WIDTH // 16) * 16, mb // (WIDTH // 16) * 16
    for i in range(16):
        at = (y + i) * WIDTH + x
        picture[at:at + 16] = samples[16 * i:16 * i + 16]
    for plane in range(2):
        for i in range(8):
            at = LUMA + plane * CHROMA + (y // 2 + i) * WIDTH // 2 + x // 2
            begin = 256 + 64 * plane + 8 * i
            picture[at:at + 8] = samples[begin:begin + 8]


def read_slice(b, is_key, frame_num, last_key_id, before):
    """The picture, and the id of a key frame."""
    assert (b.ue(), b.ue(), b.ue(), b.u(16)) == (0, 7 if is_key else 5, 0, frame_num)
    key_id = b.ue() if is_key else last_key_id
    assert not is_key or key_id != last_key_id
    assert b.u(2 if is_key else 3) == 0
    assert (b.ue(), b.ue()) == (0, 1)
    picture, mb = bytearray(before), 0
    while b.more():
        mb += 0 if is_key else b.ue()
        if b.more():
            assert b.ue() == (25 if is_key else 30)
            put_macroblock(picture, mb, b.take(384))
            mb += 1
    assert mb == WIDTH * HEIGHT // 256
    return bytes(picture), key_id


def read_film(data):
    """All pictures, and how many of them are key frames."""
    assert data.startswith(b'\0\0\0\1')
    pictures, keys, frame_num, key_id, sets = [], 0, None, None, []
    for unit in data[4:].split(b'\0\0\0\1'):
        b, kind = Bits(unit), unit[0]
        if kind in (0x67, 0x68):
            (check_sps if kind == 0x67 else check_pps)(b)
            sets.append(kind)
            continue
        assert kind in (0x61, 0x65)
        is_key = kind == 0x65
        assert sets == ([0x67, 0x68] if is_key else [])
        frame_num, sets = 0 if is_key else (frame_num + 1) % 65536, []
        before = bytes(LUMA + 2 * CHROMA) if is_key else pictures[-1]
        picture, key_id = read_slice(b, is_key, frame_num, key_id, before)
        pictures.append(picture)
        keys += is_key
    return pictures, keys
