"""Which sample `attune train` takes when: runtime/train/Sampler.cpp, in Python.

Enters: a seed, the size of a dataset, the number of a sample since training began. Leaves:
its index. With it another framework sees the same samples in the same order.
"""
import numpy as np

WINDOWS, EPOCHS = 0x57494E444F575321, 0x45504F4348532121
LOW = np.uint64(0xFFFFFFFF)


def philox(key, counters):
    """The first two words of Philox4x32-10 (Salmon et al. 2011), as one number each."""
    c = [counters & LOW, counters >> np.uint64(32), np.zeros_like(counters),
         np.zeros_like(counters)]
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), p1 & LOW,
             (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), p0 & LOW]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c[1] << np.uint64(32) | c[0]


def words(key, first, count):
    with np.errstate(over="ignore"):
        return philox(key, np.arange(first, first + count, dtype=np.uint64))


class Sampler:
    def __init__(self, seed, size, windowed):
        self.seed, self.size, self.windowed = seed, size, windowed
        self.shuffled, self.order = None, None

    def shuffle(self, epoch):
        key = int(words(self.seed ^ EPOCHS, epoch, 1)[0])
        drawn = words(key, 0, self.size)  # by the last place
        order = list(range(self.size))
        for last in range(self.size - 1, 0, -1):
            other = int(drawn[last]) * (last + 1) >> 64
            order[last], order[other] = order[other], order[last]
        self.shuffled, self.order = epoch, order

    def index(self, number):
        if self.windowed:
            return int(words(self.seed ^ WINDOWS, number, 1)[0]) * self.size >> 64
        if number // self.size != self.shuffled:
            self.shuffle(number // self.size)
        return self.order[number % self.size]

    def batch(self, first, count):
        return [self.index(number) for number in range(first, first + count)]
