import { errorExtension } from '../wire/error-extension.ts'
import { type Decoder, type Encoder, type Extension, MalformedValueError, ValueError } from '../wire/values/index.ts'
import {
  handleData,
  isHandle,
  type Method,
  type MethodOptions,
  makeHandle,
  makeMethod,
  remoteClass,
  shapeFrom,
} from './actor/index.ts'
import { ActorPool } from './actor-pool.ts'
import { type Engine, RefData } from './client/index.ts'
import { type BrandedGroup, groupBrand, isPlacementGroup } from './group-brand.ts'
import { isMethod, methodBrand } from './handle-data.ts'
import { Group, type GroupData } from './placement-group.ts'
import { Queue } from './queue.ts'
import { isQueue, type QueueData, queueBrand } from './queue-data.ts'
import { isRemoteFunction } from './remote-brand.ts'
import { type FunctionData, functionDataOf, receivedSource, remoteFunction } from './remote-function.ts'
import { isStream, Stream } from './stream.ts'
import type { ActorOptions } from './types.ts'

/** What values may hold besides data: refs, remote functions, Shoal's errors. One set a thread. */
export function clientExtensions(engine: Engine): Extension[] {
  return [
    errorExtension,
    refExtension(engine),
    functionExtension(engine),
    streamExtension(engine),
    handleExtension(engine),
    groupExtension,
    queueExtension,
    methodExtension(engine),
    poolExtension,
  ]
}

/** A placement group: its id, and the bundles it was asked for. */
const groupExtension: Extension = {
  tag: 5,
  matches: isPlacementGroup,
  encode(value: object, encoder: Encoder): void {
    encoder.value({ ...(value as BrandedGroup)[groupBrand] }, 'group')
  },
  decode(decoder: Decoder): unknown {
    return new Group(decoder.value() as GroupData)
  },
}

/** The ref of the generator's task, and how much of the stream was read before. */
function streamExtension(engine: Engine): Extension {
  // One reader at a time: what a task has read of a captured stream is read for the next one too.
  const ref = refExtension(engine, { captures: false })
  return {
    tag: 3,
    matches: isStream,
    encode(value: object, encoder: Encoder): void {
      const reader = Stream.reader(value as Stream<unknown>)
      ref.encode(reader.ref, encoder)
      encoder.varint(reader.taken)
      reader.passedOn = true
    },
    decode(decoder: Decoder): unknown {
      const data = ref.decode(decoder) as RefData
      return new Stream(data, decoder.varint())
    },
  }
}

/** The ref that stands for the actor, and what handles of it know. */
function handleExtension(engine: Engine): Extension {
  const refs = refExtension(engine)
  return {
    tag: 4,
    matches: isHandle,
    encode(value: object, encoder: Encoder): void {
      const { ref, shape, why } = handleData(value)
      if (!ref) {
        const reason = why ? `: ${why.message}` : ''
        throw new ValueError('', `is the handle of an actor that could not be made${reason}`, { cause: why })
      }
      refs.encode(ref, encoder)
      encoder.string(shape.text)
    },
    decode(decoder: Decoder): unknown {
      const ref = refs.decode(decoder) as RefData
      const shape = shapeFrom(decoder.string())
      return makeHandle({ shape, ref })
    },
  }
}

/** A method of an actor: the handle, the method's name, its options. */
function methodExtension(engine: Engine): Extension {
  const handles = handleExtension(engine)
  return {
    tag: 7,
    matches: isMethod,
    encode(value: object, encoder: Encoder): void {
      const { handle, known } = (value as Method)[methodBrand]
      handles.encode(makeHandle(handle), encoder)
      encoder.string(known.method.name)
      encoder.value({ ...known.options }, 'options')
    },
    decode(decoder: Decoder): unknown {
      const handle = handles.decode(decoder) as object
      return makeMethod(handleData(handle), decoder.string(), decoder.value() as MethodOptions)
    },
  }
}

const poolStays = {
  what: 'is an ActorPool, which stays where it was made',
  advice: 'Use its handles instead, and make another pool of them there.',
}

const poolExtension: Extension = {
  tag: 8,
  stays: poolStays,
  matches: value => value instanceof ActorPool,
  encode(): never {
    throw new ValueError('', `${poolStays.what}: pass its handles, and make another pool of them there`)
  },
  decode(): never {
    throw new MalformedValueError('an ActorPool')
  },
}

/** The handle of the actor behind it, and its bound. */
const queueExtension: Extension = {
  tag: 6,
  matches: isQueue,
  encode(value: object, encoder: Encoder): void {
    const { handle, maxSize } = (value as Queue<unknown>)[queueBrand]
    encoder.value({ handle, maxSize }, 'queue')
  },
  decode(decoder: Decoder): unknown {
    return Queue.received(decoder.value() as QueueData)
  },
}

/** On the wire: {owner, incarnation, client, number, owner's epoch, successors} (protocols §2). */
function refExtension(engine: Engine, { captures = true } = {}): Extension {
  return {
    tag: 1,
    matches: value => value instanceof RefData,
    encode(value: object, encoder: Encoder): void {
      const ref = value as RefData
      engine.share(ref)
      encoder.string(ref.owner.peerId)
      encoder.varint(ref.owner.incarnation)
      encoder.varint(ref.client)
      encoder.varint(ref.number)
      encoder.varint(0)
      encoder.byte(0)
    },
    decode(decoder: Decoder): unknown {
      const peerId = decoder.string()
      const incarnation = decoder.varint()
      const client = decoder.varint()
      const number = decoder.varint()
      decoder.varint()
      for (let successors = decoder.byte(); successors > 0; successors--) decoder.string()
      const owner = { peerId, incarnation }
      return captures ? engine.borrowOrCapture(owner, client, number) : engine.borrow(owner, client, number)
    },
  }
}

function functionExtension(engine: Engine): Extension {
  return {
    tag: 2,
    matches: isRemoteFunction,
    encode(value: object, encoder: Encoder): void {
      encoder.value(functionDataOf(value, engine), 'function')
    },
    decode(decoder: Decoder): unknown {
      const data = decoder.value() as FunctionData
      const source = receivedSource(data, engine)
      if (data.actor) return remoteClass(source, data.options as ActorOptions, data.actor)
      return remoteFunction(source, data.options)
    },
  }
}
