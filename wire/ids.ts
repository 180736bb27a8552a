/** Names of tasks and objects (protocols §2): the owner's peer id and incarnation, the client there, its number. */
export interface OwnerId {
  readonly peerId: string
  readonly incarnation: number
}

/** `<peer>-<incarnation>-<client>-<number>`, the last three in base 36. */
export function taskIdText(owner: OwnerId, client: number, number: number): string {
  return `${owner.peerId}-${owner.incarnation.toString(36)}-${client.toString(36)}-${number.toString(36)}`
}

/** A task's object is named like the task, with the index of the result. */
export function objectIdText(owner: OwnerId, client: number, number: number): string {
  return `${taskIdText(owner, client, number)}-0`
}

/** A placement group is named by its owner, the client there that made it, and its number. */
export function groupIdText(owner: OwnerId, client: number, number: number): string {
  return `${owner.peerId}-${owner.incarnation.toString(36)}-${client.toString(36)}-group${number.toString(36)}`
}

/** Who owns a placement group; undefined: that is no such name. */
export function ownerOfGroup(id: string): OwnerId | undefined {
  const [, peerId, incarnation] = /^([^-]{1,64})-([0-9a-z]{1,11})-[0-9a-z]{1,8}-group[0-9a-z]{1,11}$/.exec(id) ?? []
  if (peerId === undefined || incarnation === undefined) return undefined
  return { peerId, incarnation: Number.parseInt(incarnation, 36) }
}

/** One driver's work: everything carries it. */
export function jobIdText(owner: OwnerId, job: number): string {
  return `${owner.peerId}-${owner.incarnation.toString(36)}-job${job.toString(36)}`
}
