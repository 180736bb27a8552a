export { type Announcement, Gossip, type GossipOptions } from './gossip.ts'
