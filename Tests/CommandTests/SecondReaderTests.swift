import Foundation
import Packing
import TestSupport
import Testing

/// Tests that the Python reader, written only from the specification, agrees with the program on the
/// fixtures and on written files.
@Suite struct SecondReaderTests {
  static let reader = Fixtures.path("../Formats/sumac_reader.py")

  /// A script that reads files and prints lines of a file name, a tab, and either a digest with a tensor's
  /// name or an error code.
  private static let script = """
    import hashlib, os, sys
    sys.path.insert(0, os.path.dirname(sys.argv[1]))
    import sumac_reader
    for path in sys.argv[2:]:
        name = os.path.basename(path)
        try:
            values = list(sumac_reader.read_bytes(path).items())
            names = {e["name"] for e in sumac_reader.index(path)["tensors"] if "alias" not in e}
            values = [v for v in values if v[0] in names] + list(sumac_reader.attachments(path).items())
            for tensor, data in values:
                print(name, hashlib.sha256(data).hexdigest() + "  " + tensor, sep="\\t")
        except sumac_reader.FormatError as error:
            print(name, "sumac." + error.code, sep="\\t")
    """

  static func run(_ paths: [String]) throws -> String {
    let run = try CommandRun.sumac(
      ["-B", "-c", script, reader] + paths, environment: ["HOME": NSHomeDirectory()],
      program: python)
    #expect(run.status == 0, "\(run.messages)")
    return run.output
  }

  /// The first `python3` in `PATH`.
  static let python: String = {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
    return folders.map { "\($0)/python3" }.first {
      FileManager.default.isExecutableFile(atPath: $0)
    }
      ?? "/usr/bin/python3"
  }()

  private static func files(_ folder: String) -> [String] {
    Fixtures.names(in: folder, suffix: ".sumac").map { Fixtures.path("\(folder)/\($0)") }
  }

  @Test("both readers read the same bits from every fixture")
  func fixtures() throws {
    let expected = String(decoding: try Fixtures.bytes("sumac/digests.tsv"), as: UTF8.self)
    #expect(try Self.run(Self.files("sumac")) == expected)
  }

  @Test("both readers refuse every hostile file with the same error code")
  func corpus() throws {
    let expected = String(decoding: try Fixtures.bytes("hostile/expected.tsv"), as: UTF8.self)
    let files = try HostileFiles()
    let found = try withExtendedLifetime(files) { try Self.run(files.names.map(files.path)) }
    #expect(found == expected)
  }

  @Test("the program prints the error code of every hostile file")
  func messages() throws {
    let files = try HostileFiles()
    let run = try withExtendedLifetime(files) {
      try CommandRun.sumac(["verify"] + files.names.map(files.path))
    }
    #expect(run.status == 2)
    let lines = (run.messages + run.output).split(separator: "\n")
    for line in String(decoding: try Fixtures.bytes("hostile/expected.tsv"), as: UTF8.self)
      .split(separator: "\n")
    {
      let parts = line.split(separator: "\t")
      #expect(
        lines.contains { $0.contains(parts[0]) && $0.contains("[\(parts[1])]") }, "\(line)")
    }
  }
}
