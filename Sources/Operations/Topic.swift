package import Base
import Checkpoints
import Codecs
import Packing
package import Reporting
import TensorCore

/// What `sumac explain TOPIC` tells.
package enum Topic: String, CaseIterable, Sendable {
  case exitCodes = "exit-codes"
  case formats
  case dtypes
  case types
  case terms
  case memory

  var text: String {
    switch self {
    case .exitCodes:
      """
      0    done
      1    a comparison that was asked for found a difference
      2    some files of a batch failed
      3    an input is malformed, damaged or of an unsupported kind
      4    reading or writing failed: missing, no permission, no space
      5    the output exists already; --force replaces it
      64   wrong usage
      70   a fault of sumac itself: please report it
      130  interrupted by SIGINT, 143 by SIGTERM; nothing is left behind

      """
    case .formats:
      """
      safetensors  one file; nothing but tensors and strings
      sumac        one file; compressed without loss, every byte under a checksum, with
                   the files that belong to the model inside
      directory    a Hugging Face model folder: model.safetensors or shards with an index,
                   config.json, the tokenizer and whatever else lies beside them

      Inputs are told by their content, outputs by their name: .safetensors, .sumac, or no
      suffix for a folder; --to decides otherwise.

      """
    case .dtypes:
      DType.allCases.map { dtype in
        let name = dtype.name + String(repeating: " ", count: 13 - dtype.name.count)
        return
          "\(name)\(dtype.bitsPerElement) bits\(dtype.isPlainFloat ? ", converted by --dtype" : "")\n"
      }.joined()
    case .types:
      """
      What --type and --tensor-type take: NAME, then options behind colons.

      \(Self.typeTable)

      gN       groups of N values along a row share a scale: int4:g64
      row      a scale for each row: int8:row
      tensor   one scale for the tensor: fp8:tensor
      sym      codes lie evenly around zero (the default, but for int1)
      asym     a zero point for each group
      f16, bf16, f32  dtype of the scales; f16 becomes f32 where it could not hold them

      int8 and fp8 have a scale for each row unless you say otherwise; int1 to int3 groups of
      64, int4 to int7 groups of 128, nf4 of 64, mx types of 32, nvfp4 of 16.
      --type applies to float tensors of two dimensions and more whose last name part contains
      "weight"; all others are kept without loss. --tensor-type 'PATTERN=TYPE' decides otherwise.

      """
    case .terms:
      """
      What --terms takes: terms joined by +, each at most once. They are added up.

      dense:TYPE        every value, as a type of: sumac explain types
      lowrank:R         the product of two matrices of rank R, for what the dense term leaves
      sparse:P%         the P % of largest magnitude, taken out before the rest is quantized and
                        kept exactly; sparse:P%:add stores what the others leave there

      Example: --terms dense:int4:g64+lowrank:8+sparse:1%
      What each term brings is shown by: sumac explain FILE:TENSOR

      """
    case .memory:
      """
      --memory is a promise: resident memory stays below it, however large the tensors.
      Tensors are read in tiles of about 1 MiB; each worker holds a few of them. Fewer workers
      run when they would not fit. --dry-run says how much will be used. The output's bytes
      depend on neither --memory nor --jobs. The least is \(ByteSize(MemoryBudget.leastByteCount)).

      """
    }
  }
}

extension Topic {
  private static var typeTable: String {
    let width = StorageType.names.map(\.name.count).max() ?? 0
    return StorageType.names.map { type in
      type.name + String(repeating: " ", count: width + 2 - type.name.count) + type.summary
    }.joined(separator: "\n")
  }
}

extension Topic: Report {
  package static let schema = "sumac.topic/1"

  package var sections: [Section] { [.line(String(text.dropLast()))] }
  package var records: Table {
    Table([Table.Column("topic"), Table.Column("text")], rows: [[rawValue, text]])
  }
  package var members: JSONObject { ["topic": .string(rawValue), "text": .string(text)] }
  package var lines: [JSONValue] { [.object(members)] }
}
