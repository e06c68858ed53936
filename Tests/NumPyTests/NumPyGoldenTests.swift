import Base
import Checkpoints
import NumPy
import Safetensors
import TensorCore
import TestSupport
import Testing
import Zip

/// Tests on files that NumPy wrote, and on malformed ones.
@Suite struct NumPyGoldenTests {
  /// Files of `valid` that contain types which tensors do not have.
  static let unsupported: [String: NumPyFault] = [
    "bfloat16_as_void.npz": .dtype, "complex_and_longdouble.npz": .dtype,
  ]

  static let expectedFiles = Fixtures.names(in: "numpy/expected", suffix: ".safetensors").filter {
    !unsupported.keys.contains(String($0.dropLast(".safetensors".count)))
  }

  static func read(_ path: String) throws -> Checkpoint {
    let input = try InputTree(path: path)
    let containers: [any Container.Type] = [NPYContainer.self, NPZContainer.self]
    return try ContainerRegistry(containers).read(input)
  }

  @Test("a valid file contains exactly the expected tensors", arguments: expectedFiles)
  func valid(name: String) throws {
    let file = String(name.dropLast(".safetensors".count))
    let checkpoint = try Self.read(Fixtures.path("numpy/valid/\(file)"))
    let expected = try SafetensorsContainer.read(Fixtures.path("numpy/expected/\(name)"))
    #expect(checkpoint.tensors.count == expected.tensors.count)
    for tensor in checkpoint.tensors {
      // The tensor of an .npy file has the name of the file.
      let wanted = try #require(
        file.hasSuffix(".npy")
          ? expected.tensors.first
          : expected.tensors.first { $0.name.equalsAsBytes(tensor.name) })
      if file.hasSuffix(".npy") { #expect(tensor.name + ".npy" == file) }
      #expect(tensor.info.dtype == wanted.info.dtype)
      #expect(tensor.info.shape == wanted.info.shape)
      #expect(try tensor.bytes() == wanted.bytes())
    }
  }

  @Test("the golden files are all tested")
  func complete() {
    let valid = Set(Fixtures.names(in: "numpy/valid"))
    let tested = Set(Self.expectedFiles.map { String($0.dropLast(".safetensors".count)) })
    #expect(valid == tested.union(Self.unsupported.keys).union(["bzip2_member.npz"]))
    #expect(
      Set(Fixtures.names(in: "numpy/refuse")) == Set(Self.refusals.keys).union(["zip_bomb.npz"]))
  }

  @Test("every array of a type without counterpart is named")
  func unsupportedTypes() throws {
    let path = Fixtures.path("numpy/valid/complex_and_longdouble.npz")
    let errors = #expect(throws: SeveralErrors.self) { try Self.read(path) }?.errors ?? []
    #expect(errors.map(\.facts.code) == ["numpy.dtype", "numpy.dtype"])
    #expect(errors.map { $0.message.contains("complex128") } == [true, false])
    #expect(errors.map { $0.message.contains("long double") } == [false, true])
    let void = Fixtures.path("numpy/valid/bfloat16_as_void.npz")
    let error = #expect(throws: FormatError.self) { try Self.read(void) }
    #expect(error?.code == NumPyFault.dtype.code)
    #expect(error?.hint?.contains("bfloat16") == true)
  }

  @Test("a member that is compressed with bzip2 is read")
  func bzip2() throws {
    let tensors = try Self.read(Fixtures.path("numpy/valid/bzip2_member.npz")).tensors
    #expect(tensors.map(\.name) == ["w"])
    #expect(tensors[0].info.dtype == .f32)
    #expect(tensors[0].info.shape.dimensions == [3, 4])
    #expect(
      Digest.sha256(try tensors[0].bytes())
        == "df71ad5411e58b9a81092a7215069c6b0c704e7a09fdac73495d921a8a6262c9")
  }

  @Test(
    "one changed bit in any array of an archive is found, whatever its order",
    arguments: ["f2d", "f3d", "fbe", "vec"])
  func damage(name: String) throws {
    let folder = try TemporaryFolder()
    let original = try Fixtures.bytes("numpy/valid/fortran.npz")
    let tensors = try NPZContainer.read(Fixtures.path("numpy/valid/fortran.npz")).tensors
    let place = try #require(tensors.first { $0.name == name }).stored.byteOffset
    for offset in [place, place + 5] {
      var bytes = original
      bytes[offset] ^= 0x10
      try folder.write(bytes, to: "a.npz")
      for tensor in try NPZContainer.read(folder["a.npz"]).tensors {
        if tensor.name == name {
          let error = #expect(throws: FormatError.self) { try tensor.bytes() }
          #expect(error?.code == ZipFault.checksum.code)
        } else {
          #expect(throws: Never.self) { try tensor.bytes() }
        }
      }
    }
  }

  @Test("an array that expands a thousandfold is read in pieces, and its size is known before")
  func bomb() throws {
    let tensor = try #require(
      try Self.read(Fixtures.path("numpy/refuse/zip_bomb.npz")).tensors.first)
    #expect(tensor.info.byteCount == 50_000_000)
    #expect(tensor.stored.byteCount < 50_000)
    var values = ByteBuffer(byteCount: 1 << 20)
    for start in stride(from: 0, to: tensor.info.byteCount, by: 1 << 20) {
      let end = min(start + (1 << 20), tensor.info.byteCount)
      var target = values.mutableBytes
      var part = target._mutatingExtracting(0..<end - start)
      var scratch = MutableRawSpan()
      try tensor.source.read(start..<end, into: &part, scratch: &scratch)
      let isZero = Kernels.isAllZero(part.bytes)
      #expect(isZero)
    }
  }

  /// The code of each malformed file.
  static let refusals: [String: String] = [
    "bad_magic.npy": "numpy.magic", "bad_utf8_v3.npy": "numpy.header",
    "bytes_strings.npy": "numpy.dtype", "crc_mismatch.npz": "zip.checksum",
    "datetime64.npy": "numpy.dtype", "deep_parens.npy": "numpy.header",
    "dup_key_shape.npy": "numpy.key", "dup_member.npz": "zip.duplicate",
    "empty.npy": "numpy.magic", "expr_in_header.npy": "numpy.header",
    "extra_key.npy": "numpy.key", "float_dim.npy": "numpy.shape",
    "fortran_int.npy": "numpy.fortran-order", "header_len_4GiB.npy": "numpy.header-length",
    "header_len_past_eof.npy": "numpy.header-length", "huge_dims.npy": "numpy.byte-count",
    "missing_shape.npy": "numpy.key", "mult_expr_in_header.npy": "numpy.header",
    "negative_dim.npy": "numpy.shape", "non_dict.npy": "numpy.header",
    "non_npy_member.npz": "numpy.member", "object_dtype.npy": "numpy.object",
    "object_dtype.npz": "numpy.object", "object_dtype_malicious.npy": "numpy.object",
    "overflow_dims.npy": "numpy.shape", "pickled_descr_O.npy": "numpy.object",
    "shape_bool.npy": "numpy.shape", "shape_is_list.npy": "numpy.shape",
    "structured.npy": "numpy.dtype", "structured.npz": "numpy.dtype",
    "subarray.npy": "numpy.dtype", "trailing_bytes.npy": "numpy.byte-count",
    "traversal_member.npz": "zip.name", "truncated.npz": "zip.end-record",
    "truncated_data.npy": "numpy.byte-count", "truncated_header.npy": "numpy.header-length",
    "unicode_strings.npy": "numpy.dtype", "unknown_descr.npy": "numpy.descr",
    "version_9.npy": "numpy.version", "void.npy": "numpy.dtype",
  ]

  @Test("a malformed file is refused with its own code", arguments: refusals.keys.sorted())
  func refused(name: String) throws {
    let path = Fixtures.path("numpy/refuse/\(name)")
    let error = #expect(throws: FormatError.self) {
      // Damaged values are found when they are read.
      for tensor in try Self.read(path).tensors { _ = try tensor.bytes() }
    }
    #expect(error?.code.description == Self.refusals[name], "\(error?.description ?? "")")
    #expect(error?.path.hasPrefix(path) == true)
  }
}
