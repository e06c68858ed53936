import Base
import Checkpoints
import Glibc
import NumPy
import ONNX
import PackedFormat
import Safetensors
import TensorCore

/// Fuzz targets for whole files. The checksums of `.sumac` inputs are corrected first, so that the code after the
/// checks is reached.
enum FileTargets {
  private static let path = "\(folder)/sumac-fuzz-\(getpid())"

  private static var folder: String {
    unsafe access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
  }

  /// Calls `body` with the path of a temporary file of these bytes, and ignores its errors.
  private static func withFile(_ bytes: [UInt8], _ body: (String) throws -> Void) {
    _ = unsafe unlink(path)
    do {
      let file = try OutputFile(creating: path)
      try file.write(bytes.rawSpan, at: 0)
      try body(path)
    } catch {}
    _ = unsafe unlink(path)
  }

  static func safetensors(_ bytes: [UInt8]) { read(bytes, as: SafetensorsContainer.self) }

  static func onnx(_ bytes: [UInt8]) { read(bytes, as: ONNXContainer.self) }

  /// Reads an .npz file if the input starts like a ZIP archive, otherwise an .npy file.
  static func numpy(_ bytes: [UInt8]) {
    if bytes.starts(with: [0x50, 0x4B]) {
      read(bytes, as: NPZContainer.self)
    } else {
      read(bytes, as: NPYContainer.self)
    }
  }

  private static func read(_ bytes: [UInt8], as container: any Container.Type) {
    withFile(bytes) { path in
      for tensor in try container.read(path).tensors where tensor.info.byteCount < 1 << 20 {
        _ = try tensor.bytes()
      }
    }
  }

  static func packed(_ bytes: [UInt8]) {
    guard let bytes = repaired(bytes) else { return }
    withFile(bytes) { path in
      let reader = try PackedReader(InputFile(path: path))
      for (entry, content) in reader.index.entries.enumerated() {
        guard case .tensor(let tensor) = content.content, reader.fault(ofEntry: entry) == nil
        else { continue }
        try? read(tensor, entry, of: reader)
      }
    }
  }

  private static func read(_ tensor: PackedTensor, _ entry: Int, of reader: PackedReader) throws {
    let scratchByteCount = reader.scratchByteCount(entry: entry)
    guard scratchByteCount < 64 << 20 else { return }
    let grid = tensor.info.grid
    for chunk in 0..<min(grid.count, 3) {
      var values = ByteBuffer(byteCount: tensor.info.bytes(of: grid[chunk]).count)
      var room = ByteBuffer(byteCount: scratchByteCount)
      var target = values.mutableBytes
      var scratch = room.mutableBytes
      try reader.readTensorChunk(entry: entry, chunk: chunk, into: &target, scratch: &scratch)
    }
  }

  // MARK: Checksums

  /// Returns the file with correct magic numbers, length and hashes; nil if it is too short.
  static func repaired(_ bytes: [UInt8]) -> [UInt8]? {
    guard bytes.count >= 128 else { return nil }
    var file = bytes
    file.replaceSubrange(0..<11, with: FileHeader.magic)
    set(Kernels.xxh64(file.rawSpan.extracting(0..<56)), at: 56, in: &file)
    let end = file.count - 64
    file.replaceSubrange(file.count - 8..<file.count, with: FileTrailer.magic)
    set(UInt64(file.count), at: end + 40, in: &file)
    let indexOffset = Int(clamping: file.rawSpan.littleEndian(UInt64.self, at: end + 32)!)
    let stored = Int(file.rawSpan.littleEndian(UInt32.self, at: end + 48)!)
    guard indexOffset >= 64, indexOffset <= end, stored <= end - indexOffset else { return file }
    for recordOffset in stride(from: (indexOffset + stored).rounded(upTo: 32), to: end - 31, by: 32)
    {
      guard let record = ChunkRecord(file.rawSpan, at: recordOffset), record.byteOffset >= 64,
        record.byteOffset <= end, record.storedByteCount <= end - record.byteOffset
      else { continue }
      let hash = Kernels.xxh64(file.rawSpan.extracting(record.byteOffset..<record.end))
      set(hash, at: recordOffset + 16, in: &file)
    }
    let hash = PackedTail.hash(
      header: file.rawSpan.extracting(0..<64), body: file.rawSpan.extracting(indexOffset..<end),
      fields: Array(file[end + 32..<file.count]))
    file.replaceSubrange(end..<end + 32, with: hash)
    return file
  }

  /// Writes a word in little-endian order.
  private static func set(_ word: UInt64, at byteOffset: Int, in file: inout [UInt8]) {
    for byte in 0..<8 {
      file[byteOffset + byte] = UInt8(truncatingIfNeeded: word >> UInt64(8 * byte))
    }
  }
}
