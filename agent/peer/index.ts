export { Peer, type PeerOptions } from './peer.ts'
