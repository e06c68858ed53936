import Testing

/// A tar archive with one fault and the code of its error.
struct ArchiveFaultCase: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let code: String
  let bytes: [UInt8]

  init(_ name: String, _ code: String, _ make: (inout TarBuilder) -> Void) {
    testDescription = name
    self.code = code
    var tar = TarBuilder()
    make(&tar)
    bytes = tar.ended
  }

  static let all = [
    ArchiveFaultCase("the same path twice", "archive.duplicate") {
      $0.add("a", [1])
      $0.add("a", [2])
    },
    ArchiveFaultCase("the same path in another spelling", "archive.duplicate") {
      $0.add("./a", [1])
      $0.add("a", [2])
    },
    ArchiveFaultCase("a file and a folder", "archive.duplicate") {
      $0.add("a", [1])
      $0.add("a/b", [2])
    },
    ArchiveFaultCase("a folder and a file", "archive.duplicate") {
      $0.add("a/b", [2])
      $0.add("a", [1])
    },
    ArchiveFaultCase("a file below a link", "archive.duplicate") {
      $0.add("b/c", [1])
      $0.add("a", kind: "2", target: "b")
      $0.add("a/d", [1])
    },
    ArchiveFaultCase("a device", "archive.special-file") { $0.add("a", kind: "3") },
    ArchiveFaultCase("a pipe", "archive.special-file") { $0.add("a", kind: "6") },
    ArchiveFaultCase("holes", "archive.special-file") { $0.add("a", kind: "S") },
    ArchiveFaultCase("holes by records", "archive.special-file") {
      $0.addRecords([("GNU.sparse.major", "1")])
      $0.add("a", [1])
    },
    ArchiveFaultCase("a wrong checksum", "archive.header") {
      $0.add("b")
      $0.add("a", checksum: 1)
    },
    ArchiveFaultCase("no magic", "archive.header") {
      $0.add("b")
      $0.add("a", magic: [])
    },
    ArchiveFaultCase("a size that is no number", "archive.header") {
      $0.add("a", size: "0000000009x")
    },
    ArchiveFaultCase("malformed records", "archive.header") {
      $0.add("x", Array("9 a=b\n".utf8), kind: "x")
      $0.add("a", [1])
    },
    ArchiveFaultCase("records without an end", "archive.header") {
      $0.add("x", Array("999 a=b\n".utf8), kind: "x")
      $0.add("a", [1])
    },
    ArchiveFaultCase("a size for all members", "archive.header") {
      $0.addRecords([("size", "1")], kind: "g")
      $0.add("a", [1])
    },
    ArchiveFaultCase("a huge size", "archive.incomplete") { $0.add("a", size: "77777777777") },
    ArchiveFaultCase("a huge size in records", "archive.incomplete") {
      $0.addRecords([("size", "1152921504606846975")])
      $0.add("a", [1])
    },
    ArchiveFaultCase("a folder with content", "archive.header") { $0.add("a/", [1], kind: "5") },
    ArchiveFaultCase("a link with content", "archive.header") {
      $0.add("a", [1], kind: "2", target: "b")
    },
  ]
}
