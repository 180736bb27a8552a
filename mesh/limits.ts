/** Every bound and constant of the mesh (protocols §3, §4, §6, §7). Bytes and milliseconds, unless the name says otherwise. */
export const limits = {
  /** One frame with its length, header and payload. */
  frameBytesMax: 1 << 20,
  /** The CBOR header of a frame. */
  frameHeaderBytesMax: 960 * 1024,
  /** Nesting of arrays and maps in a header. */
  headerDepthMax: 32,
  /** Bytes that wait on one control stream for a slow reader: beyond it the link is given up. */
  controlQueueBytesMax: 2 ** 30,
  /** Both sides have proved who they are within this, or the link is closed. */
  admissionMs: 2000,
  /** A dial that got no answer. */
  dialMs: 5000,
  /** Of two that dial one another the larger PeerId is refused for so long; a dial that takes longer gives way. */
  dialWaitMs: 1000,
  /** Streams of one link at a time. */
  streamsMax: 2048,
  /** Un-credited bytes of one bulk stream, and the unit in which credit is given. */
  bulkWindowBytes: 4 << 20,
  bulkCreditBytes: 256 << 10,
  /** One write of bulk data. */
  bulkChunkBytes: 1 << 20,
  /** A bulk stream on which nothing moves for this long is given up. */
  bulkStallMs: 15_000,

  /** Clocks of two members may differ by this much. */
  clockSkewMs: 5 * 60_000,
  credentialMs: 24 * 3_600_000,
  /** How often a credential's age is looked at. */
  renewalCheckMs: 30_000,
  /** An expired credential still allows to ask for a new one for this long. */
  renewalGraceMs: 30 * 24 * 3_600_000,
  issuerMs: 365 * 24 * 3_600_000,
  issuerDepthMax: 3,
  ticketTtlMs: 15 * 60_000,
  ticketTtlMaxMs: 30 * 24 * 3_600_000,
  ticketUsesMax: 100_000,
  ticketAddressesMax: 8,
  /** Tickets that a peer keeps account of. */
  ticketsMax: 10_000,

  /** Heartbeats of every link. */
  heartbeatMs: 500,
  /** Heartbeats missed before the fast way of §4 begins. */
  heartbeatsMissedMax: 2,
  indirectProbes: 3,
  indirectMs: 1000,
  /** suspicion = factor · log10(n) + base, stretched by one's own lag. */
  suspicionFactorMs: 2500,
  suspicionBaseMs: 1000,
  /** How often a known member without a link is dialled again, growing up to the second. */
  redialMs: 500,
  redialMaxMs: 15_000,
  /** Who leaves waits so long for the others to have heard it. */
  leaveMs: 1000,
  /** A member that is dead is remembered this long. */
  deadRememberedMs: 10 * 60_000,
  membersMax: 10_000,

  /** Gossip of one peer: at most twice a second, at least every five. */
  gossipMinMs: 500,
  gossipMaxMs: 5000,
  gossipBytesMax: 16 * 1024,
} as const
