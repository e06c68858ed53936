import Base
import Zip

/// Writes archives like those of torch.save with a given pickle, for tests.
struct TorchArchive {
  var pickle: [UInt8]
  /// The bytes of the storages `data/0`, `data/1`, …
  var storages: [[UInt8]] = []
  var byteOrder = "little"
  var version = "3\n"
  /// Other members by name.
  var others: [(name: String, bytes: [UInt8])] = []

  func write(to path: String) throws {
    var members: [(name: String, bytes: [UInt8])] = [
      ("archive/data.pkl", pickle), ("archive/byteorder", Array(byteOrder.utf8)),
    ]
    members += storages.enumerated().map { ("archive/data/\($0)", $1) }
    members += [("archive/version", Array(version.utf8))] + others
    let layout = try ZipLayout(
      members.map { ZipLayout.Entry(name: $0.name, byteCount: $0.bytes.count) }, path: path)
    let checksums = ZipMemberChecksums(layout)
    let file = try OutputFile(creating: path)
    for (index, member) in members.enumerated() {
      checksums.add(member.bytes.rawSpan, member: index, at: 0)
      try file.write(member.bytes.rawSpan, at: layout.dataOffsets[index])
    }
    try layout.write(checksums.all, to: file)
  }
}

/// Pickles made from parts, for tests.
enum Pickle {
  static let start: [UInt8] = [0x80, 4]
  static let stop: [UInt8] = [0x2E]
  static let mark: [UInt8] = [0x28]
  static let emptyDict: [UInt8] = [0x7D]
  static let emptyList: [UInt8] = [0x5D]
  static let emptyTuple: [UInt8] = [0x29]
  static let tuple: [UInt8] = [0x74]
  static let reduce: [UInt8] = [0x52]
  static let build: [UInt8] = [0x62]
  static let newObject: [UInt8] = [0x81]
  static let setItems: [UInt8] = [0x75]
  static let appends: [UInt8] = [0x65]
  static let memoize: [UInt8] = [0x94]
  static let none: [UInt8] = [0x4E]
  static let no: [UInt8] = [0x89]
  static let yes: [UInt8] = [0x88]

  static func text(_ text: String) -> [UInt8] {
    [0x58] + littleEndian(UInt32(text.utf8.count)) + Array(text.utf8)
  }

  static func integer(_ number: Int) -> [UInt8] {
    [0x8A, 8] + littleEndian(UInt64(bitPattern: Int64(number)))
  }

  static func global(_ module: String, _ name: String) -> [UInt8] {
    [0x63] + Array("\(module)\n\(name)\n".utf8)
  }

  static func get(_ number: Int) -> [UInt8] { [0x6A] + littleEndian(UInt32(number)) }

  static func tuple(_ values: [[UInt8]]) -> [UInt8] { mark + values.joined() + tuple }

  static func integers(_ numbers: [Int]) -> [UInt8] { tuple(numbers.map(integer)) }

  static func dict(_ entries: [(String, [UInt8])]) -> [UInt8] {
    emptyDict + mark + entries.flatMap { text($0.0) + $0.1 } + setItems
  }

  static func list(_ values: [[UInt8]]) -> [UInt8] {
    emptyList + mark + values.joined() + appends
  }

  static func call(_ module: String, _ name: String, _ arguments: [[UInt8]]) -> [UInt8] {
    global(module, name) + tuple(arguments) + reduce
  }

  /// An object of a class with a state.
  static func object(_ module: String, _ name: String, state: [UInt8]) -> [UInt8] {
    global(module, name) + emptyTuple + newObject + state + build
  }

  static func storage(_ type: String, _ key: String, count: Int) -> [UInt8] {
    tuple([text("storage"), global("torch", type), text(key), text("cpu"), integer(count)]) + [0x51]
  }

  /// A view of a storage.
  static func tensor(
    _ type: String = "FloatStorage", key: String = "0", count: Int, offset: Int = 0, size: [Int],
    strides: [Int], marks: [UInt8]? = nil
  ) -> [UInt8] {
    call(
      "torch._utils", "_rebuild_tensor_v2",
      [
        storage(type, key, count: count), integer(offset), integers(size), integers(strides), no,
        call("collections", "OrderedDict", []),
      ] + (marks.map { [$0] } ?? []))
  }

  static func whole(_ value: [UInt8]) -> [UInt8] { start + value + stop }

  private static func littleEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    (0..<T.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> T(8 * $0)) }
  }
}
