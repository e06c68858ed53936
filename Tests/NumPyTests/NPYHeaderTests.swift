import Base
import Checkpoints
import NumPy
import TensorCore
import TestSupport
import Testing

/// Tests of the header of .npy files.
@Suite struct NPYHeaderTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func read(_ bytes: [UInt8]) throws -> Checkpoint {
    try folder.write(bytes, to: "a.npy")
    return try NPYContainer.read(folder["a.npy"])
  }

  @Test(
    "headers that Python reads in the same way are accepted",
    arguments: [
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }",
      "{'shape':(2,1),'fortran_order':False,'descr':\"<f4\"}",
      " \t{\n'descr' : '<f4' ,\r\n 'shape' : ( 2 , 1 , ) , 'fortran_order' : False\n}  \n",
      "{'descr': ('<f4'), 'fortran_order': (False), ('shape'): ((2), (1))}",
      "{'descr': '=f4', 'fortran_order': False, 'shape': (2L, 1L)}",
      "{'descr': 'f4', 'fortran_order': True, 'shape': (2, 1)}",
    ])
  func accepted(header: String) throws {
    let tensor = try #require(
      try read(NPYFileBuilder.file(header, [Float(1.5), -2].littleEndianBytes)).tensors.first)
    #expect(tensor.name == "a")
    #expect(tensor.info.dtype == .f32)
    #expect(tensor.info.shape.dimensions == [2, 1])
    #expect(try tensor.values() == [1.5, -2])
  }

  static let refused: [(header: String, fault: NumPyFault)] = [
    ("", .header), ("{", .header), ("[1, 2]", .header), ("{}", .key), ("{'descr'}", .header),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x", .header),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} # comment", .header),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", .header),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,),, }", .header),
    ("{'descr': '<f4' 'x', 'fortran_order': False, 'shape': (2,)}", .header),
    ("{'descr': b'<f4', 'fortran_order': False, 'shape': (2,)}", .header),
    ("{'descr': '<f4, 'fortran_order': False, 'shape': (2,)}", .header),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'shape': (2,)}", .key),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 1: 2}", .key),
    ("{'descr': '<f4', 'fortran_order': false, 'shape': (2,)}", .order),
    ("{'descr': '<f4', 'fortran_order': None, 'shape': (2,)}", .order),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': 2}", .shape),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2)}", .shape),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}", .shape),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (02,)}", .shape),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (0x2,)}", .shape),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (2_0,)}", .shape),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (None, 2)}", .shape),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", .shape),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': ((2,), 1)}", .shape),
    (
      "{'descr': '<f4', 'fortran_order': False, 'shape': ("
        + String(repeating: "1, ", count: 65) + ")}", .shape
    ),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", .byteCount),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", .byteCount),
    ("{'descr': '', 'fortran_order': False, 'shape': (2,)}", .descr),
    ("{'descr': 'float32', 'fortran_order': False, 'shape': (2,)}", .descr),
    ("{'descr': '<f3', 'fortran_order': False, 'shape': (2,)}", .descr),
    ("{'descr': '<<f4', 'fortran_order': False, 'shape': (2,)}", .descr),
    ("{'descr': None, 'fortran_order': False, 'shape': (2,)}", .descr),
    ("{'descr': '|O8', 'fortran_order': False, 'shape': (2,)}", .object),
    ("{'descr': '<V2', 'fortran_order': False, 'shape': (2,)}", .dtype),
    ("{'descr': '>f16', 'fortran_order': False, 'shape': (2,)}", .dtype),
    ("{'descr': '<c16', 'fortran_order': False, 'shape': (2,)}", .dtype),
    ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", .dtype),
    ("{'descr': ('<f4', (2,)), 'fortran_order': False, 'shape': (1,)}", .dtype),
  ]

  @Test("a malformed header is refused with its own code and place", arguments: refused.indices)
  func refusedHeader(index: Int) throws {
    let (header, fault) = Self.refused[index]
    let error = #expect(throws: FormatError.self) {
      try read(NPYFileBuilder.file(header, [Float(1), 2].littleEndianBytes))
    }
    #expect(error?.code == fault.code, "\(header): \(error?.description ?? "")")
    #expect(error?.byteOffset != nil)
  }

  @Test("values may be nested to a depth that is limited", arguments: ["(", "[", "{1:"])
  func depth(opening: String) throws {
    let header = "{'descr': " + String(repeating: opening, count: 20_000)
    let error = #expect(throws: FormatError.self) {
      try read(NPYFileBuilder.file(version: 2, header))
    }
    #expect(error?.code == NumPyFault.header.code)
    #expect(error?.message.contains("nested") == true)
  }

  @Test("the length of a header is limited, in each version", arguments: [2, 3] as [UInt8])
  func length(version: UInt8) throws {
    let header = NPYFileBuilder.header("<f4", [])
    let values = [Float(3)].littleEndianBytes
    let most = header + String(repeating: " ", count: 65_536 - header.utf8.count)
    #expect(
      try read(NPYFileBuilder.file(version: version, most, values)).tensors[0].values() == [3])
    let error = #expect(throws: FormatError.self) {
      try read(NPYFileBuilder.file(version: version, most + " ", values))
    }
    #expect(error?.code == NumPyFault.headerLength.code)
  }

  @Test("a file that is cut anywhere is refused")
  func cut() throws {
    let whole = NPYFileBuilder.file(NPYFileBuilder.header("<f4", [2]), [0, 1, 2, 3, 4, 5, 6, 7])
    #expect(throws: Never.self) { try read(whole) }
    for count in whole.indices {
      #expect(throws: FormatError.self) { try read(Array(whole[..<count])) }
    }
  }

  @Test("versions 1 and 2 are Latin-1, version 3 is UTF-8")
  func encoding() throws {
    let start = Array("{'descr': [('".utf8)
    let end = Array("', '<f4')], 'fortran_order': False, 'shape': (2,)}".utf8)
    for (version, name, fault) in [
      (1, [0xFF], NumPyFault.dtype), (3, [0xFF], .header), (3, [0xC3, 0xA9], .dtype),
    ] as [(UInt8, [UInt8], NumPyFault)] {
      let error = #expect(throws: FormatError.self) {
        try read(NPYFileBuilder.file(version: version, start + name + end))
      }
      #expect(error?.code == fault.code)
    }
  }
}
