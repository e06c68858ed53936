import Base
import Checkpoints
import Safetensors
import SystemPackage
import TensorCore
import TestSupport
import Testing

@Suite struct SafetensorsTests {
  /// The files of `Fixtures/safetensors/malformed` that sumac accepts on purpose.
  static let accepted: Set<String> = ["bool_value_2", "nested_100_deep_extra"]

  /// The faults of all other files.
  static let faults: [String: SafetensorsFault] = [
    "bad_utf8_name": .json, "bad_utf8_overlong": .json, "bad_utf8_surrogate": .json,
    "comment": .json, "dtype_number": .dtype,
    "dup_field_dtype": .duplicateKey, "dup_field_offsets": .duplicateKey,
    "dup_field_shape": .duplicateKey, "dup_key_in_metadata": .duplicateKey,
    "dup_metadata": .duplicateKey, "dup_tensor_key": .duplicateKey,
    "dup_tensor_key_differs": .duplicateKey, "dup_tensor_key_escaped": .duplicateKey,
    "eight_zero_bytes": .headerStart, "empty_file": .tooShort, "empty_shape_with_data": .byteCount,
    "f4_odd_elements": .byteCount, "f6_odd": .byteCount, "gguf_magic": .headerTooLong,
    "gzip_of_valid": .headerPastEnd, "header_len_100000001": .headerTooLong,
    "header_len_eats_data": .json, "header_len_i64_max": .headerTooLong,
    "header_len_past_eof": .headerPastEnd, "header_len_short_by_1": .json,
    "header_len_u64_max": .headerTooLong, "hole_middle": .hole, "huge_rank": .shape,
    "json_array": .headerStart, "json_null": .headerStart, "json_number": .headerStart,
    "json_string": .headerStart, "leading_bom": .headerStart, "leading_space": .headerStart,
    "lone_surrogate_escape": .json, "lowercase_dtype": .dtype, "metadata_is_null": .metadata,
    "metadata_is_string": .metadata, "metadata_is_tensor": .metadata, "metadata_nested": .metadata,
    "metadata_null_value": .metadata, "metadata_number_value": .metadata,
    "missing_dtype": .missingField, "missing_offsets": .missingField,
    "missing_shape": .missingField, "nan_literal": .json,
    "nested_json_bomb_extra": .json, "nested_json_bomb_name": .entry,
    "nested_json_bomb_unclosed": .json, "not_json": .headerStart, "offsets_float": .offsets,
    "offsets_negative": .offsets, "offsets_one": .offsets, "offsets_past_eof": .pastEnd,
    "offsets_reversed": .offsets, "offsets_start_nonzero": .hole, "offsets_three": .offsets,
    "offsets_u64_max": .offsets, "overlap_full": .overlap, "overlap_partial": .overlap,
    "pickle_magic": .headerTooLong, "raw_control_char_in_name": .json,
    "scalar_8_bytes": .byteCount, "seven_bytes": .tooShort, "shape_bytes_overflow": .shape,
    "shape_exponent": .shape, "shape_float": .shape, "shape_leading_zero": .json,
    "shape_negative": .shape, "shape_null": .shape, "shape_overflow_times_zero": .shape,
    "shape_product_overflow": .shape, "shape_product_wraps_to_2": .shape, "shape_string": .shape,
    "shape_too_big": .byteCount, "shape_too_small": .byteCount,
    "shape_u64_overflow_literal": .shape, "shape_zero_times_overflow": .shape,
    "single_quotes": .json, "tensor_is_list": .entry, "tensor_is_number": .entry,
    "trailing_bytes": .uncovered, "trailing_bytes_no_tensors": .uncovered, "trailing_comma": .json,
    "trailing_garbage_after_json": .json, "trailing_nul_padding": .json,
    "trailing_page": .uncovered, "truncated_all_data": .pastEnd, "truncated_data": .pastEnd,
    "truncated_header": .headerPastEnd, "two_objects": .json, "unknown_dtype": .dtype,
  ]

  static let malformedFiles = Fixtures.names(in: "safetensors/malformed", suffix: ".safetensors")

  @Test("every malformed file has an expected result")
  func complete() {
    #expect(malformedNames == Set(Self.faults.keys).union(Self.accepted))
    #expect(Self.malformedFiles.count == 94)
  }

  private var malformedNames: Set<String> {
    Set(Self.malformedFiles.map { String($0.dropLast(".safetensors".count)) })
  }

  @Test(
    "a malformed file is refused with its own code and a byte offset", arguments: malformedFiles)
  func refused(name: String) throws {
    let path = Fixtures.path("safetensors/malformed/\(name)")
    let stem = String(name.dropLast(".safetensors".count))
    guard !Self.accepted.contains(stem) else {
      #expect(throws: Never.self) { try SafetensorsContainer.read(path) }
      return
    }
    let fault = try #require(Self.faults[stem])
    let error = #expect(throws: FormatError.self) { try SafetensorsContainer.read(path) }
    #expect(error?.code == fault.code, "\(error?.description ?? "")")
    #expect(error?.path == path)
    #expect(error?.byteOffset != nil || error?.tensor != nil)
  }

  struct Expected: Sendable {
    var file: String
    var json: JSONValue
  }

  static let validFiles: [Expected] = {
    let bytes = (try? Fixtures.bytes("safetensors/valid_manifest.json")) ?? []
    let object = (try? JSONValue.parse(bytes.span))?.asObject ?? [:]
    return object.map { Expected(file: $0.key, json: $0.value) }
  }()

  @Test("the manifest of valid files is read") func manifest() {
    #expect(Self.validFiles.count == 16)
  }

  @Test("a valid file contains exactly the expected tensors", arguments: validFiles)
  func valid(_ expected: Expected) throws {
    let checkpoint = try SafetensorsContainer.read(
      Fixtures.path("safetensors/valid/\(expected.file)"))
    let tensors = try #require(expected.json["tensors"]?.asObject)
    #expect(Set(checkpoint.tensors.map(\.name)) == Set(tensors.map(\.key)))
    #expect(checkpoint.tensors.count == tensors.count)
    for tensor in checkpoint.tensors {
      let wanted = try #require(tensors[tensor.name])
      #expect(tensor.info.dtype.name == wanted["dtype"]?.asString)
      #expect(tensor.info.shape.dimensions == wanted["shape"]?.asArray?.compactMap(\.asInt))
      #expect(tensor.info.byteCount == wanted["nbytes"]?.asInt)
      #expect(Digest.sha256(try tensor.bytes()) == wanted["sha256"]?.asString)
    }
    for (key, value) in expected.json["metadata"]?.asObject ?? [:] {
      #expect(checkpoint.metadataString(key) == value.asString)
    }
  }

  @Test("written files have the layout of the official writer")
  func layout() throws {
    func tensor(_ name: String, _ dtype: DType, _ dimensions: [Int]) throws -> LazyTensor {
      let info = try TensorInfo(name: name, dtype: dtype, shape: Shape(dimensions))
      let file = try InputFile(path: Fixtures.path("safetensors/valid_manifest.json"))
      return LazyTensor(
        info: info, source: FileTensorSource(file: file, info: info, byteOffset: 0),
        stored: StoredForm(file: "", byteOffset: 0, byteCount: info.byteCount, dtype: dtype))
    }
    let layout = try SafetensorsLayout(
      [
        tensor("b", .u8, [3]), tensor("z", .f32, [2]), tensor("a", .bf16, [1]),
        tensor("c", .f32, []),
      ],
      metadata: [
        Checkpoint.Metadatum(key: "z", value: "1"),
        Checkpoint.Metadatum(key: "format", value: "pt"),
      ], path: "x")
    #expect(layout.tensors.map(\.name) == ["c", "z", "a", "b"])
    #expect(layout.header.count % 8 == 0)
    #expect(layout.byteOffsets.map { $0 - layout.header.count } == [0, 4, 12, 14])
    let text = String(decoding: layout.header.dropFirst(8), as: UTF8.self)
    #expect(
      text.hasPrefix(
        #"{"__metadata__":{"format":"pt","z":"1"},"c":{"dtype":"F32","shape":[],"data_offsets":[0,4]}"#
      ))
  }
}

@Suite struct GoldenCastTests {
  @Test(
    "F32 casts equal PyTorch's, including NaN payloads and overflow",
    arguments: [DType.f16, .bf16, .f8E4M3, .f8E5M2, .f8E4M3FNUZ, .f8E5M2FNUZ])
  func cast(dtype: DType) throws {
    let golden = try SafetensorsContainer.read(
      Fixtures.path("safetensors/expected/f32_casts_torch.safetensors"))
    func tensor(_ suffix: String) throws -> LazyTensor {
      try #require(golden.tensors.first { $0.name.hasSuffix(".\(suffix)") })
    }
    let source = try tensor("F32")
    let wanted = try tensor(dtype.name)
    let count = source.info.elementCount
    var buffer = ByteBuffer(byteCount: dtype.byteCount(of: count)!)
    var target = buffer.mutableBytes
    let bytes = try source.bytes()
    try Kernels.best.convert(
      bytes.rawSpan, from: .f32, to: dtype, elementCount: count, saturating: false,
      into: &target)
    let found = buffer.bytes.array()
    #expect(found == (try wanted.bytes()))
  }

  @Test("every dtype decodes to float32 as in the official packages")
  func decode() throws {
    let golden = try SafetensorsContainer.read(
      Fixtures.path("safetensors/expected/all_dtypes_as_f32.safetensors"))
    let inputs = try SafetensorsContainer.read(
      Fixtures.path("safetensors/valid/all_dtypes.safetensors"))
    var compared = 0
    for wanted in golden.tensors {
      guard let tensor = inputs.tensors.first(where: { $0.name == wanted.name }),
        tensor.info.dtype != .c64
      else { continue }
      let count = tensor.info.elementCount
      var buffer = ByteBuffer(byteCount: 4 * count)
      var target = buffer.mutableBytes
      let bytes = try tensor.bytes()
      try Kernels.best.convert(
        bytes.rawSpan, from: tensor.info.dtype, to: .f32, elementCount: count,
        saturating: false, into: &target)
      let found = buffer.bytes.array()
      #expect(found == (try wanted.bytes()), "\(tensor.name)")
      compared += 1
    }
    #expect(compared > 10)
  }
}
