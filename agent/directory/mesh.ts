/** A member of the mesh, as this peer sees it. */
export interface Member {
  readonly peerId: string
  readonly incarnation: number
  readonly state: 'alive' | 'suspect' | 'dead' | 'left'
  /** Of a dead one: two peers have found that nobody holds its ports. */
  readonly confirmed: boolean
  /** It takes no new work, or only drives. */
  readonly closed: boolean
}

/** The mesh, as far as the directory needs it. */
export interface DirectoryMesh {
  /** A part of a message; they arrive in order or the session ends. False: there is no session. */
  send(peerId: string, part: Uint8Array, last: boolean): boolean
  members(): Iterable<Member>
}
