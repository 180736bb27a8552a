/** Every bound of the wire layer, in one place (style 9). Bytes unless the name says otherwise. */
export const limits = {
  /** Data bytes of one ring: one direction of one pair of threads. A power of two. */
  ringBytes: 1 << 20,
  /** A record above this travels as fragments, so that no record needs a large part of a ring. */
  recordBytes: 1 << 16,
  /** A message put together from fragments; above it the channel is closed. */
  messageBytesMax: 0x7fff_ff00,
  /** A value up to this stays inside its record; larger ones go through the store (protocols §3). */
  inlineBytes: 100 * 1024,
  /** An error with everything in it; of a larger one only the text travels. */
  errorBytesMax: 16 << 20,
  /** Records of one socket batch before it is handed to the kernel. */
  socketBatchBytes: 256 * 1024,
  /** A socket's queue: above it the sender is told to wait. */
  socketQueueBytesMax: 64 << 20,
  /** Pieces of a stored object on a socket. */
  socketChunkBytes: 1 << 18,
} as const
