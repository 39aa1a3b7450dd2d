/** A router is one device, or a few. */
const MAX_DEVICES = 8

/** Notices by the BOOTID of UPnP Device Architecture 1.1 and newer that a device has restarted. */
export class BootWatch {
  /** By the device's part of its USN. */
  readonly #last = new Map<string, number>()

  /** Takes in what a device says. @returns whether mappings that were made before are gone */
  restarted(usn: string, bootId: number | undefined): boolean {
    if (bootId == null) return false
    const device = usn.split('::')[0]!
    const last = this.#last.get(device)
    if (last == null && this.#last.size >= MAX_DEVICES) return false
    this.#last.set(device, bootId)
    return last != null && last !== bootId
  }
}
