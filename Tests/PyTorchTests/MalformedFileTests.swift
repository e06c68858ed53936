import Base
import Checkpoints
import PyTorch
import TensorCore
import TestSupport
import Testing

/// Damaged and odd files.
@Suite struct MalformedFileTests {
  /// Reads the headers and all values.
  private func read(_ name: String) throws -> [[Float]] {
    try PyTorchContainer.read(Fixtures.path("pytorch/malformed/\(name)")).tensors.map {
      try $0.bytes().floats
    }
  }

  @Test("a malformed file is refused with a reason", arguments: refused)
  func refusal(name: String, code: String) throws {
    let error = #expect(throws: FormatError.self) { try self.read(name) }
    #expect(error?.code.description == code, "\(error?.description ?? "no error")")
  }

  @Test(
    "odd files that are whole are read",
    arguments: [
      "control_rezipped_is_valid.pt", "byteorder_big.pt",
    ])
  func valid(name: String) throws {
    let tensor = try #require(
      PyTorchContainer.read(Fixtures.path("pytorch/malformed/\(name)")).tensors.first)
    #expect(tensor.name == "w")
    #expect(tensor.info.shape.dimensions == [2, 3])
    let little: [Float] = [0, 1, 2, 3, 4, 5]
    // The file in the other byte order has the same bytes.
    #expect(
      try tensor.bytes().floats
        == (name == "byteorder_big.pt"
          ? little.map { Float(bitPattern: $0.bitPattern.byteSwapped) } : little))
  }

  @Test("a stride of zero repeats the values")
  func expanded() throws {
    #expect(try read("stride_zero_ok_expand.pt") == [[0, 1, 2, 0, 1, 2]])
  }

  @Test("every malformed file has a test")
  func count() {
    let tested = Set(
      Self.refused.map(\.0) + [
        "control_rezipped_is_valid.pt", "byteorder_big.pt", "stride_zero_ok_expand.pt",
      ] + Self.compressed)
    #expect(Set(Fixtures.names(in: "pytorch/malformed")) == tested)
  }

  /// Files with compressed members, which end quickly in a value or an error.
  static let compressed = [
    "deep_nesting_dicts.pt", "deep_nesting_lists.pt", "deflated_members.pt", "zip_bomb_pickle.pt",
  ]

  @Test("files with compressed members end in a value or an error", arguments: compressed)
  func compressedFile(name: String) {
    do { #expect(try read(name) == [[0, 1, 2, 3, 4, 5]]) } catch {
      #expect(error is any UserError)
    }
  }

  static let refused: [(String, String)] = [
    ("billion_laughs.pt", "pytorch.pickle"),
    ("binbytes_past_eof.pt", "pytorch.pickle"),
    ("binunicode8_huge_len.pt", "pytorch.pickle"),
    ("byteorder_junk.pt", "pytorch.byte-order"),
    ("crc_mismatch.pt", "zip.checksum"),
    ("duplicate_zip_member.pt", "zip.duplicate"),
    ("empty_pickle.pt", "pytorch.pickle"),
    ("frame_past_eof.pt", "pytorch.pickle"),
    ("get_missing_memo.pt", "pytorch.pickle"),
    ("huge_memo_index.pt", "pytorch.no-tensors"),
    ("huge_memo_index_u32.pt", "pytorch.no-tensors"),
    ("leading_garbage_before_zip.pt", "pytorch.not-pytorch"),
    ("legacy_bad_magic.pt", "pytorch.not-pytorch"),
    ("legacy_numel_prefix_huge.pt", "pytorch.storage"),
    ("legacy_numel_prefix_negative.pt", "pytorch.storage"),
    ("legacy_trailing.pt", "pytorch.trailing"),
    ("legacy_truncated.pt", "pytorch.storage"),
    ("long4_huge.pt", "pytorch.pickle"),
    ("long4_negative_len.pt", "pytorch.pickle"),
    ("mark_missing.pt", "pytorch.pickle"),
    ("no_data_pkl.pt", "pytorch.record"),
    ("no_stop.pt", "pytorch.pickle"),
    ("numel_bigger_than_file.pt", "pytorch.storage"),
    ("numel_huge.pt", "pytorch.storage"),
    ("numel_smaller_than_file.pt", "pytorch.storage"),
    ("path_traversal_member.pt", "zip.name"),
    ("protocol_99.pt", "pytorch.pickle"),
    ("self_referential_list.pt", "pytorch.no-tensors"),
    ("size_negative.pt", "pytorch.geometry"),
    ("size_oob.pt", "pytorch.geometry"),
    ("size_product_overflow.pt", "pytorch.geometry"),
    ("stack_underflow.pt", "pytorch.pickle"),
    ("storage_empty.pt", "pytorch.storage"),
    ("storage_key_traversal.pt", "pytorch.opcode"),
    ("storage_missing.pt", "pytorch.record"),
    ("storage_offset_negative.pt", "pytorch.geometry"),
    ("storage_offset_oob.pt", "pytorch.geometry"),
    ("storage_oversized.pt", "pytorch.storage"),
    ("storage_truncated.pt", "pytorch.storage"),
    ("stride_negative.pt", "pytorch.geometry"),
    ("stride_oob.pt", "pytorch.geometry"),
    ("trailing_garbage_after_zip.pt", "zip.end-record"),
    ("truncated_no_central_directory.pt", "zip.end-record"),
    ("unknown_opcode.pt", "pytorch.opcode"),
    ("unknown_rebuild.pt", "pytorch.global"),
    ("unknown_storage_type.pt", "pytorch.global"),
    ("version_999.pt", "pytorch.version"),
    ("version_junk.pt", "pytorch.version"),
  ]
}
