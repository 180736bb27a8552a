/**
 * Cells of an Int32Array that a program shares with the thread of its embedded peer, for the one thing that no record can do:
 * to end together when the program's event loop is over.
 */
export const control = {
  /** 1: the peer has a mesh, and with it native code that must come to its end before the thread does. */
  mesh: 0,
  /** 1: leave the mesh and end; 2: at once. */
  end: 1,
  /** 1: done. */
  ended: 2,
} as const

export const controlBytes = 16
