package import Base
package import Checkpoints
import TensorCore

/// The layout of a safetensors file: the bytes of its header and the offset of every tensor.
///
/// Tensors are ordered by descending size of dtype, then by name. The header is padded with spaces to a
/// multiple of 8, so that the data of every dtype is aligned. If tensors are copied from another file, the
/// header is padded further, by less than a page, so that they have the same alignment to pages as in that
/// file: file systems can then share these pages or copy them as a whole.
package struct SafetensorsLayout: Sendable {
  package let header: [UInt8]
  /// The tensors in the order of their data.
  package let tensors: [LazyTensor]
  /// The byte offset of each tensor in the file.
  package let byteOffsets: [Int]
  package let byteCount: Int
  /// The start of the names of all tensors, which their names in the file lack.
  private let prefix: String

  /// - Parameter prefix: The start of the names of all tensors, which their names in the file lack.
  /// - Throws: ``FormatError`` if the header would exceed the format's limit.
  package init(
    _ tensors: [LazyTensor], metadata: [Checkpoint.Metadatum], path: String, prefix: String = ""
  ) throws(FormatError) {
    self.prefix = prefix
    let ordered = tensors.sorted {
      let (left, right) = ($0.info.dtype.bitsPerElement, $1.info.dtype.bitsPerElement)
      return left == right ? $0.name.precedesAsBytes($1.name) : left > right
    }
    var starts: [Int] = []
    var end = 0
    for tensor in ordered {
      starts.append(end)
      end += tensor.info.byteCount
    }
    var json = Self.json(ordered, starts: starts, metadata: metadata, prefix: prefix)
    json += Array(repeating: UInt8(ascii: " "), count: (8 - json.count % 8) % 8)
    json += Array(
      repeating: UInt8(ascii: " "),
      count: Self.padding(after: 8 + json.count, of: ordered, starts: starts))
    guard json.count <= SafetensorsHeader.maximumByteCount else {
      throw FormatError(
        .headerTooLong,
        "the header would have \(json.count) bytes, the format's limit is "
          + "\(SafetensorsHeader.maximumByteCount)", path: path,
        hint: "write a model directory with \(setting: "shard-size"), or a .sumac file")
    }
    header = withLength(json)
    let dataOffset = header.count
    byteOffsets = starts.map { $0 + dataOffset }
    byteCount = dataOffset + end
    self.tensors = ordered
  }

  /// Returns the padding that gives the largest copied tensor the same alignment to pages as in its file; 0
  /// if less than 1 MiB is copied.
  private static func padding(after end: Int, of tensors: [LazyTensor], starts: [Int]) -> Int {
    let copied = zip(tensors, starts).compactMap { tensor, start in
      copySource(of: tensor).map { (source: $0, start: start) }
    }
    let byteCount = copied.reduce(0) { $0 + $1.source.range.count }
    guard byteCount >= 256 * FileCopies.pageByteCount,
      let largest = copied.max(by: { $0.source.range.count < $1.source.range.count })
    else { return 0 }
    let page = FileCopies.pageByteCount
    let distance = (largest.source.range.lowerBound - end - largest.start) % page
    let padding = distance < 0 ? distance + page : distance
    return padding % 8 == 0 ? padding : 0
  }

  private static func json(
    _ tensors: [LazyTensor], starts: [Int], metadata: [Checkpoint.Metadatum], prefix: String
  ) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    if !metadata.isEmpty {
      writer.key("__metadata__")
      writer.beginObject()
      for datum in metadata.sorted(by: { $0.key.precedesAsBytes($1.key) }) {
        writer.key(datum.key)
        writer.value(datum.value.text)
      }
      writer.endObject()
    }
    for (tensor, start) in zip(tensors, starts) {
      writer.key(storedName(of: tensor, prefix: prefix))
      writer.beginObject()
      writer.key("dtype")
      writer.value(tensor.info.dtype.name)
      writer.key("shape")
      writer.beginArray()
      for dimension in tensor.info.shape.dimensions { writer.value(dimension) }
      writer.endArray()
      writer.key("data_offsets")
      writer.beginArray()
      writer.value(start)
      writer.value(start + tensor.info.byteCount)
      writer.endArray()
      writer.endObject()
    }
    writer.endObject()
    return writer.bytes
  }

  /// Returns the name of a tensor in the file.
  package func storedName(of tensor: LazyTensor) -> String {
    Self.storedName(of: tensor, prefix: prefix)
  }

  private static func storedName(of tensor: LazyTensor, prefix: String) -> String {
    String(decoding: tensor.name.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
  }

  /// Returns the memory for the header and the lists of tensors, in bytes; if the values may change, also that for their
  /// losses and a second header.
  /// - Parameter isLate: True if the header is written twice for another reason.
  package func fixedByteCount(isLate: Bool) -> Int {
    let isTwice = isLate || tensors.contains { $0.source.loss != nil }
    return 2 * header.count + 1024 * tensors.count
      + (isTwice ? header.count + 256 * tensors.count : 0)
  }

  /// Writes the header again if its metadata contain what was not known before the values.
  package func finish(
    _ metadata: SafetensorsMetadata, loss: ModelLoss?, to file: OutputFile, engine: Engine
  ) throws {
    guard metadata.isLate else { return }
    var json = Self.json(
      tensors, starts: byteOffsets.map { $0 - header.count },
      metadata: try metadata.final(loss: loss, engine: engine), prefix: prefix)
    let room = header.count - 8 - json.count
    precondition(room >= 0, "the header was planned with the longest loss")
    json += Array(repeating: UInt8(ascii: " "), count: room)
    try file.write(withLength(json).rawSpan, at: 0)
  }

  /// Reserves space for the file and writes the header and the values.
  package func write(to file: OutputFile, engine: Engine) throws {
    try file.reserve(byteCount: byteCount)
    try file.write(header.rawSpan, at: 0)
    let copies = copies
    try copies.write(to: file, engine: engine)
    let decoded = tensors.readingOrder.filter { !copies.indexes.contains($0) }
    for index in copies.indexes.sorted() { engine.progress.finish(tensor: tensors[index].info) }
    let offsets = decoded.map { byteOffsets[$0] }
    let infos = decoded.map { tensors[$0].info }
    try engine.forEachTile(
      of: decoded.map { tensors[$0] }, workspaceByteCount: workspaceByteCount
    ) { _, tile, values, _ in
      let bytes = infos[tile.tensor].bytes(of: tile.elements)
      try file.write(values, at: offsets[tile.tensor] + bytes.lowerBound)
    }
  }

  /// Returns the bytes of a file that equal the stored form of the tensor; nil if there are none.
  private static func copySource(of tensor: LazyTensor) -> FileBytes? {
    guard let bytes = tensor.source.fileBytes, bytes.dtype == tensor.info.dtype,
      bytes.range.count == tensor.info.byteCount, tensor.info.byteCount > 0
    else { return nil }
    return bytes
  }

  private var copies: FileCopies {
    var copies = FileCopies()
    for (index, tensor) in tensors.enumerated() {
      // Decoded values are read by several workers, and in the order of their archive.
      guard let source = Self.copySource(of: tensor), !source.file.isDecoded else { continue }
      copies.add(
        source.range, of: source.file, to: byteOffsets[index], index: index)
    }
    return copies
  }

  package var workspaceByteCount: Int {
    Engine.workspaceByteCount(of: tensors, extra: { _ in 0 })
  }

  package var chunkCount: Int { tensors.reduce(0) { $0 + $1.info.grid.count } }
}

/// Returns the text preceded by its length in eight bytes.
private func withLength(_ json: [UInt8]) -> [UInt8] {
  (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json
}
