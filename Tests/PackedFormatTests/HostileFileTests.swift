import Base
import Codecs
import PackedFormat
import Packing
import TensorCore
import TestSupport
import Testing

/// Tests of files with one fault each and valid checksums: a check of its own must find every fault.
@Suite struct HostileFileTests {
  /// Opens the file and reads all tensors and attachments; returns their names and canonical bytes.
  static func read(_ bytes: [UInt8]) throws -> [(String, [UInt8])] {
    let folder = try TemporaryFolder()
    try folder.write(bytes, to: "hostile.sumac")
    return try read(folder["hostile.sumac"])
  }

  static func read(_ path: String) throws -> [(String, [UInt8])] {
    let reader = try PackedReader(InputFile(path: path), checksSeals: true)
    var found: [(String, [UInt8])] = []
    for (place, entry) in reader.index.entries.enumerated() {
      guard case .tensor(let tensor) = entry.content else { continue }
      if let fault = reader.fault(ofEntry: place) { throw fault }
      var values = ByteBuffer(byteCount: tensor.info.byteCount)
      var scratch = ByteBuffer(byteCount: reader.scratchByteCount(entry: place))
      for chunk in 0..<tensor.info.grid.count {
        var span = values.mutableBytes
        var target = span._mutatingExtracting(tensor.info.bytes(of: tensor.info.grid[chunk]))
        var room = scratch.mutableBytes
        try reader.readTensorChunk(entry: place, chunk: chunk, into: &target, scratch: &room)
      }
      let bytes = values.bytes.array()
      if let id = tensor.contentID, PackedTail.seal(of: bytes.rawSpan) != id {
        throw FormatError(.contentID, "values", path: path, tensor: entry.name)
      }
      found.append((entry.name, bytes))
    }
    let first = reader.firstSegments[reader.index.entries.count]
    for (place, attachment) in reader.index.attachments.enumerated() {
      var values = ByteBuffer(byteCount: attachment.byteCount)
      var scratch = ByteBuffer(
        byteCount: reader.rangeScratchByteCount(segment: first + place))
      var span = values.mutableBytes
      var room = scratch.mutableBytes
      try reader.readValues(
        segment: first + place, 0..<attachment.byteCount, into: &span, scratch: &room)
      found.append((attachment.name, values.bytes.array()))
    }
    return found
  }

  @Test("reading the unchanged sample returns the written values", arguments: Compression.allCases)
  func sample(compression: Compression) throws {
    let found = try Self.read(SampleFile.written(compression: compression))
    let names = (SampleFile.builder().tensors.map(\.name) + SampleFile.attachments.map(\.0))
      .filter { compression != Compression.none || $0 != SampleFile.longName }
    #expect(found.map(\.0) == names)
    for (name, bytes) in SampleFile.lossless + SampleFile.attachments.map({ ($0.0, $0.1) })
    where names.contains(name) {
      #expect(found.first { $0.0 == name }?.1 == bytes, "\(name)")
    }
  }

  @Test("a sample has the same values with any compression")
  func compressions() throws {
    let all = try Compression.allCases.map { compression in
      try Self.read(SampleFile.written(compression: compression))
        .filter { $0.0 != SampleFile.longName }
    }
    for other in all.dropFirst() { #expect(other.map(\.1) == all[0].map(\.1)) }
  }

  @Test("assembling the parts again returns the written file")
  func assembled() throws {
    #expect(try SampleFile().assembled() == SampleFile.written())
  }

  @Test(
    "each fault is refused with its own code",
    arguments: all)
  func fault(_ test: Case) throws {
    let bytes = try test.built()
    let error = #expect(throws: FormatError.self) { _ = try Self.read(bytes) }
    #expect(error?.code == test.fault.code, "\(error?.description ?? "")")
  }

  @Test("every fault of the format occurs in a file")
  func coverage() {
    let missing = Set(PackedFault.allCases).subtracting(Self.all.map(\.fault))
    // Tests of truncation and flipped bits cover the first two; other tests cover the rest.
    #expect(missing == [.truncated, .headerChecksum, .chunkSeal, .contentID])
  }

  @Test("a seal that does not match its chunk is refused")
  func seal() throws {
    var builder = SampleFile.builder()
    builder.isSealed = true
    let bytes = try builder.built()
    #expect(throws: Never.self) { _ = try Self.read(bytes) }
    var file = try SampleFile(bytes, isSealed: true)
    file.seals[40] ^= 1
    let changed = try file.assembled()
    let error = #expect(throws: FormatError.self) { _ = try Self.read(changed) }
    #expect(error?.code == PackedFault.chunkSeal.code)
  }

  @Test("values that do not match their content id are refused")
  func contentID() throws {
    var builder = SampleFile.builder()
    builder.contentIDs["b"] = [UInt8](repeating: 7, count: 32)
    let bytes = try builder.built()
    let error = #expect(throws: FormatError.self) { _ = try Self.read(bytes) }
    #expect(error?.code == PackedFault.contentID.code)
  }
}
