import { closeSync, openSync, readSync, statSync } from 'node:fs';

/**
 * Bytes of the header of a write-ahead log, and of each frame's header.
 * https://www.sqlite.org/fileformat2.html#walformat
 */
const headerSize = 32;
const frameHeaderSize = 24;
/** The last bit is the byte order of the checksums. */
const magic = 0x377f0682;
/** Frames read at once. */
const stride = 256;

/** 0 where the file is missing. */
export function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * Whether a write-ahead log is damaged in its middle. SQLite silently stops at the first frame with
 * a wrong checksum: usually the rest of an unfinished commit. But where a whole commit follows that
 * frame, and the beginning of another one follows that, the frame was valid once: no commit begins
 * before the previous one is on disk.
 */
export function isDamagedWithin(file: string): boolean {
  if (sizeOf(file) <= headerSize) return false;
  const descriptor = openSync(file, 'r');
  try {
    const header = Buffer.alloc(headerSize);
    readSync(descriptor, header, 0, headerSize, 0);
    const log = logOf(header);
    return log !== undefined && scan(descriptor, log);
  } finally {
    closeSync(descriptor);
  }
}

type Checksum = readonly [number, number];

interface LogHeader {
  readonly pageSize: number;
  readonly littleEndian: boolean;
  /** The same in each frame since the log was restarted. */
  readonly salts: Buffer;
  readonly sum: Checksum;
}

/** `undefined` where the log was about to restart: all its content is in the database. */
function logOf(header: Buffer): LogHeader | undefined {
  const littleEndian = (header.readUInt32BE(0) & 1) === 0;
  const pageSize = header.readUInt32BE(8);
  const sum: Checksum = [header.readUInt32BE(24), header.readUInt32BE(28)];
  const found = summed([0, 0], header, 0, 24, littleEndian);
  const isHeader = (header.readUInt32BE(0) & ~1) >>> 0 === magic && pageSize >= 512;
  if (!isHeader || !areEqual(sum, found)) return undefined;
  return { pageSize, littleEndian, salts: header.subarray(16, 24), sum };
}

function scan(descriptor: number, { pageSize, littleEndian, salts, sum }: LogHeader): boolean {
  const frameSize = frameHeaderSize + pageSize;
  const frames = Buffer.alloc(stride * frameSize);
  let before = sum;
  let brokeOff = false;
  let committedBehind = false;
  for (let at = headerSize; ; at += frames.length) {
    const read = readSync(descriptor, frames, 0, frames.length, at);
    for (let start = 0; start + frameSize <= read; start += frameSize) {
      const stored: Checksum = [frames.readUInt32BE(start + 16), frames.readUInt32BE(start + 20)];
      const head = summed(before, frames, start, 8, littleEndian);
      const found = summed(head, frames, start + frameHeaderSize, pageSize, littleEndian);
      const isGood =
        salts.equals(frames.subarray(start + 8, start + 16)) && areEqual(stored, found);
      if (isGood && committedBehind) return true;
      // The last frame of a commit has the number of pages of the database.
      if (isGood && brokeOff && frames.readUInt32BE(start + 4) > 0) committedBehind = true;
      if (!isGood) committedBehind = false;
      brokeOff ||= !isGood;
      before = stored;
    }
    if (read < frames.length) return false;
  }
}

/** Continues a checksum. */
function summed(
  [a, b]: Checksum,
  bytes: Buffer,
  start: number,
  length: number,
  littleEndian: boolean,
): Checksum {
  let [first, second] = [a, b];
  for (let at = start; at < start + length; at += 8) {
    const word = littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
    first = (first + word + second) >>> 0;
    const other = littleEndian ? bytes.readUInt32LE(at + 4) : bytes.readUInt32BE(at + 4);
    second = (second + other + first) >>> 0;
  }
  return [first, second];
}

function areEqual(a: Checksum, b: Checksum): boolean {
  return a[0] === b[0] && a[1] === b[1];
}
