import Base
import Checkpoints
import TensorCore
import TestSupport
import Testing
import Zip

@Suite struct ZipChecksumTests {
  private let folder: TemporaryFolder
  private static let content = (0..<5000).map { UInt8(truncatingIfNeeded: $0 * 13 + $0 / 9) }

  init() throws { folder = try TemporaryFolder() }

  /// Opens a member with the content, or with a changed byte that its checksum does not know.
  private func checksum(changing index: Int? = nil) throws -> ZipChecksum {
    var archive = ZipBuilder()
    archive.members = [.init("w", Self.content)]
    var bytes = archive.bytes
    if let index { bytes[31 + index] ^= 1 }
    let name = index.map { "changed-\($0).zip" } ?? "a.zip"
    try folder.write(bytes, to: name)
    let directory = try ZipDirectory(InputFile(path: folder[name]), limit: .none)
    return try ZipChecksum(directory.members[0], in: directory)
  }

  private func read(_ range: Range<Int>, _ checksum: ZipChecksum) throws -> [UInt8] {
    var buffer = ByteBuffer(byteCount: range.count)
    var span = buffer.mutableBytes
    try checksum.read(at: range.lowerBound, into: &span)
    return buffer.bytes.array()
  }

  @Test("pieces in any order, repeated and overlapping, complete a member", arguments: 0..<20)
  func anyOrder(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    var cuts = [0, 5000] + (0..<12).map { _ in Int.random(in: 0...5000, using: &random) }
    cuts.sort()
    var pieces = zip(cuts, cuts.dropFirst()).map { $0..<$1 }.filter { !$0.isEmpty }
    for _ in 0..<6 {
      let start = Int.random(in: 0..<5000, using: &random)
      pieces.append(start..<Int.random(in: start...5000, using: &random))
    }
    pieces.shuffle(using: &random)
    let whole = try checksum()
    for piece in pieces { #expect(try read(piece, whole) == Array(Self.content[piece])) }
    // The last byte to be read reports the damage, wherever it is.
    let damaged = try checksum(changing: Int.random(in: 0..<5000, using: &random))
    #expect(throws: FormatError.self) { for piece in pieces { _ = try read(piece, damaged) } }
  }

  @Test("the read that completes a damaged member fails, and all later ones")
  func completion() throws {
    let checksum = try checksum(changing: 10)
    _ = try read(1000..<5000, checksum)
    _ = try read(0..<999, checksum)
    let error = #expect(throws: FormatError.self) { try read(999..<1000, checksum) }
    #expect(error?.code.description == "zip.checksum")
    #expect(error?.reason.contains("member 'w'") == true)
    #expect(throws: FormatError.self) { try read(5..<6, checksum) }
  }

  @Test("threads share a checksum")
  func threads() async throws {
    let checksum = try checksum()
    let damaged = try self.checksum(changing: 4999)
    await withTaskGroup(of: Void.self) { group in
      for part in 0..<50 {
        group.addTask {
          let range = 100 * part..<100 * part + 100
          #expect((try? self.read(range, checksum)) == Array(Self.content[range]))
        }
      }
    }
    let failures = await withTaskGroup(of: Int.self) { group in
      for part in 0..<50 {
        group.addTask {
          (try? self.read(100 * part..<100 * part + 100, damaged)) == nil ? 1 : 0
        }
      }
      return await group.reduce(0, +)
    }
    #expect(failures >= 1)
  }

  @Test("a tensor that does not cover its member verifies it before the first read")
  func partialTensor() throws {
    let info = try TensorInfo(name: "t", dtype: .u8, shape: Shape([10]))
    for (changed, isDamaged) in [(nil, false), (4000, true)] as [(Int?, Bool)] {
      let source = ZipTensorSource(
        info: info, byteOffset: 20, checksum: try checksum(changing: changed), coversMember: false)
      let tensor = LazyTensor(
        info: info, source: source,
        stored: StoredForm(file: "a.zip", byteOffset: 20, byteCount: 10, dtype: .u8))
      #expect(source.fileBytes == nil)
      if isDamaged {
        #expect(throws: FormatError.self) { try tensor.bytes() }
      } else {
        #expect(try tensor.bytes() == Array(Self.content[20..<30]))
      }
    }
  }
}
