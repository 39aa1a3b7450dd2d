/**
 * Forgets all connections that the router tracks, and with them its NAT mappings: what `conntrack -F` does, where that tool may
 * not be installed. Runs inside a router's namespace.
 *
 * IPCTNL_MSG_CT_DELETE without a tuple deletes all (linux/netfilter/nfnetlink_conntrack.h).
 */
import { loadKoffi } from '../src/socket/koffi.ts'

const AF_NETLINK = 16
const SOCK_RAW = 3
const NETLINK_NETFILTER = 12
const NFNL_SUBSYS_CTNETLINK = 1
const IPCTNL_MSG_CT_DELETE = 2
const NLM_F_REQUEST = 1
const NLM_F_ACK = 4
/** struct nlmsghdr, then struct nfgenmsg: no family, version 0. */
const HEADER_BYTES = 16
const MESSAGE_BYTES = HEADER_BYTES + 4

const loaded = loadKoffi()
if ('reason' in loaded) throw new Error(loaded.reason)
const { koffi } = loaded
const c = koffi.load(null)
const fd = c.func('int socket(int, int, int)')(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)
const message = new DataView(new ArrayBuffer(MESSAGE_BYTES))
message.setUint32(0, MESSAGE_BYTES, true)
message.setUint16(4, (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE, true)
message.setUint16(6, NLM_F_REQUEST | NLM_F_ACK, true)
c.func('int64 send(int, void *, uint64, int)')(fd, new Uint8Array(message.buffer), MESSAGE_BYTES, 0)
// the answer is an nlmsgerr whose error is 0 when all went well; nothing else comes on this socket
const answer = new Uint8Array(4096)
const bytes = Number(c.func('int64 recv(int, void *, uint64, int)')(fd, answer, answer.length, 0))
const error = new DataView(answer.buffer).getInt32(HEADER_BYTES, true)
if (bytes < HEADER_BYTES + 4 || error !== 0) throw new Error(`connections were not flushed: error ${-error}`)
