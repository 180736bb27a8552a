export { type Frame, FrameReader, writeFrame } from './frames.ts'
export {
  asAmount,
  asAmounts,
  asBytes,
  asCount,
  asList,
  asMap,
  asText,
  asTexts,
  decodeHeader,
  encodeHeader,
  type HeaderValue,
  MalformedFrameError,
} from './header.ts'
