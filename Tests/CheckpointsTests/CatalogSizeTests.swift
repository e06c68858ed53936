import Base
import Checkpoints
import Safetensors
import TestSupport
import Testing

/// Tests of the size of a catalog, which is known before the catalog is built.
@Suite struct CatalogSizeTests {
  private static let entry = "{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}"

  @Test(
    "the entries and list elements of a header are counted, not the braces inside strings",
    arguments: [
      ("{}", 0, 0),
      ("{\"a\":\(entry)}", 1, 0),
      ("{\"a\":\(entry),\"b\":\(entry)}", 2, 0),
      ("{\"{\":\(entry), \"\\\"{\" : \(entry)}", 2, 0),
      ("{\"__metadata__\":{\"k\":\"{[,,,\\\\\"},\"b\":\(entry)}", 2, 0),
      (
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,0],\"data_offsets\":[0,0]}}", 1, 6
      ),
      ("{\"a\":[", 1, 0), ("\"", 0, 0), ("}}}}", 0, 0),
    ])
  func counted(json: String, tensors: Int, elements: Int) {
    let bytes = Array(json.utf8)
    let text = bytes.rawSpan
    let size = SafetensorsHeader.catalogSize(text)
    #expect(
      size
        == CatalogSize(
          tensorCount: tensors, listElementCount: elements, headerByteCount: bytes.count))
  }

  @Test("a catalog of too many tensors is refused with the limit, and read without one")
  func refused() throws {
    let folder = try TemporaryFolder()
    let json = Array("{\"a\":\(Self.entry)}".utf8)
    try folder.write(
      [UInt8(json.count)] + [UInt8](repeating: 0, count: 7) + json, to: "a.safetensors")
    let path = folder["a.safetensors"]
    let limit = CatalogLimit(byteCount: 1 << 20, use: .output)
    let error = #expect(throws: UsageError.self) {
      try SafetensorsContainer.read(InputTree(path: path, limit: limit))
    }
    #expect(error?.status == .usage)
    #expect(try SafetensorsContainer.read(path).tensors.count == 1)
  }
}
