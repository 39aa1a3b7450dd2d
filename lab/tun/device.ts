import type { Koffi } from '../../src/socket/koffi.ts'

const PATH = '/dev/net/tun'
/** The same on x64 and arm64 (fcntl-linux.h, if_tun.h). */
const O_RDWR_NONBLOCK = 2 | 0o4000
const TUNSETIFF = 0x400454ca
const IFF_TUN = 1
/** Packets without the four bytes of flags in front. */
const IFF_NO_PI = 0x1000
const IFREQ_BYTES = 40
const IFNAMSIZ = 16

/** The system calls on TUN devices. Their packets have whole checksums and fit the MTU: the kernel sees to that for a device that offers neither. */
export interface TunCalls {
  /** Attaches to a device that is there (`ip tuntap add`). @throws Error */
  open(name: string): number
  /** @returns the packet's length, or -1 when there is none */
  read(fd: number, buffer: Uint8Array): number
  write(fd: number, packet: Uint8Array, length: number): void
}

export function loadTun(koffi: Koffi): TunCalls {
  const c = koffi.load(null)
  const open = c.func('int open(const char *, int)')
  const ioctl = c.func('int ioctl(int, ulong, void *)')
  const read = c.func('int64 read(int, void *, uint64)')
  const write = c.func('int64 write(int, void *, uint64)')
  return {
    open(name) {
      const fd = open(PATH, O_RDWR_NONBLOCK) as number
      if (fd < 0) throw new Error(`cannot open ${PATH}: errno ${koffi.errno()}`)
      const request = new Uint8Array(IFREQ_BYTES)
      request.set(new TextEncoder().encode(name))
      new DataView(request.buffer).setUint16(IFNAMSIZ, IFF_TUN | IFF_NO_PI, true)
      if ((ioctl(fd, TUNSETIFF, request) as number) < 0)
        throw new Error(`cannot attach to ${name}: errno ${koffi.errno()}`)
      return fd
    },
    read: (fd, buffer) => Number(read(fd, buffer, buffer.length)),
    // what the kernel does not take is lost, as on any cable
    write: (fd, packet, length) => void write(fd, packet, length)
  }
}
