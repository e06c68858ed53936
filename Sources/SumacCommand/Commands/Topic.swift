import Checkpoints
import Reporting
import TensorCore

/// What `sumac explain TOPIC` tells.
enum Topic: String, CaseIterable {
  case exitCodes = "exit-codes"
  case formats
  case dtypes
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

extension Topic: Report {
  static let schema = "sumac.topic/1"

  var sections: [Section] { [.line(String(text.dropLast()))] }
  var records: Table {
    Table([Table.Column("topic"), Table.Column("text")], rows: [[rawValue, text]])
  }
  var members: JSONObject { ["topic": .string(rawValue), "text": .string(text)] }
  var lines: [JSONValue] { [.object(members)] }
}
