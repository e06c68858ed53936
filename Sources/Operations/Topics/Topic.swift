package import Base
import Checkpoints
import Codecs
import Containers
import Packing
package import Reporting
import TensorCore

/// A topic of `sumac explain TOPIC`, with its text.
package enum Topic: String, CaseIterable, Sendable {
  case exitCodes = "exit-codes"
  case formats
  case dtypes
  case types
  case terms
  case memory
  case errorCodes = "error-codes"

  var text: String {
    switch self {
    case .exitCodes:
      """
      The words in parentheses are the codes of errors in the output of --json. Errors in the
      content of files have codes of their own: sumac explain error-codes

      0    success
      1    a comparison found a difference
      2    some of several inputs failed
      3    an input is malformed, damaged or unsupported (bad-input)
      4    reading or writing failed: missing file, no permission, no space (input-output)
      5    the output already exists; use --force to replace it (output-exists)
      64   wrong usage (usage)
      70   internal error: a bug in sumac, please report it (bug)
      130  interrupted by SIGINT; no partial output is left
      143  terminated by SIGTERM; no partial output is left
      129, 131, 138, 140, 141, 153
           ended by SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE or SIGXFSZ; no partial
           output is left

      """
    case .formats:
      """
      \(Self.formatTable)

      The format of an input is detected from its content. The format of an output follows
      from its name: a suffix above, or no suffix for a folder. Use --to to override it.
      To read about one of them: sumac explain NAME

      """
    case .dtypes:
      DType.allCases.map { dtype in
        let name = dtype.name + String(repeating: " ", count: 13 - dtype.name.count)
        return
          "\(name)\(dtype.bitsPerElement) bits\(conversion(of: dtype))\n"
      }.joined()
    case .types:
      """
      --type and --tensor-type accept a NAME, followed by options separated by colons.

      \(Self.typeTable)

      gN       one scale per group of N values along a row: int4:g64
      row      one scale per row: int8:row
      tensor   one scale per tensor: fp8:tensor
      sym      codes symmetric around zero (default, except for int1)
      asym     a zero point for each group
      f16, bf16, f32  dtype of the scales; f32 replaces f16 where scales are out of its range

      Default granularity: one scale per row for int8 and fp8; groups of 64 for int1 to int3
      and nf4, of 128 for int4 to int7, of 32 for mx types, and of 16 for nvfp4.
      A row holds the weights of one output: of a matrix, of an expert's matrix, or of a
      convolution, whose row runs over all its input channels and positions.
      --type applies to all matrices, convolutions, embeddings and experts of floats. Norms,
      biases, buffers, and the parts of stored quantizations keep every bit. Use
      --tensor-type 'PATTERN=TYPE' to override this. A tensor that would not become smaller
      is stored losslessly.

      """
    case .terms:
      """
      --terms accepts terms joined by +, each kind up to once. A tensor is the sum of its terms.

      dense:TYPE        all values, as one of the types of: sumac explain types
      lowrank:R         a product of two matrices of rank R that approximates the error of the
                        dense term
      sparse:P%         the P % of values with the largest magnitude, stored exactly; only the
                        other values are quantized. sparse:P%:add instead stores the error of
                        the other terms at these positions

      Example: --terms dense:int4:g64+lowrank:8+sparse:1%
      To show the effect of each term: sumac explain FILE:TENSOR

      """
    case .errorCodes:
      """
      Messages about files end with the code of the error in brackets.

      \(ErrorCatalogue.all.map { "\($0)\n  \($0.meaning)" }.joined(separator: "\n"))

      To show the remedy too: sumac explain CODE

      """
    case .memory:
      """
      Resident memory stays below --memory, regardless of the size of the tensors. The
      minimum is \(ByteSize(MemoryBudget.leastByteCount)). Tensors are read in tiles of about 1 MiB, and each worker
      holds a few of them. If memory is short, fewer workers run. --dry-run shows the peak
      memory. The bytes of the output depend on neither --memory nor --jobs.

      """
    }
  }
}

extension Topic {
  /// The statuses whose names are codes of errors in the output of `--json`.
  private static let statuses: [ExitStatus] = [
    .badInput, .inputOutput, .outputExists, .usage, .bug,
  ]

  /// Returns the topic of a name: its own, or that of exit codes for the name of a status.
  package init?(named name: String) {
    if Self.statuses.contains(where: { $0.name == name }) {
      self = .exitCodes
    } else {
      self.init(rawValue: name)
    }
  }

  /// Returns the end of the line about a dtype: whether `--dtype` converts it.
  private func conversion(of dtype: DType) -> String {
    if dtype.isPlainFloat { return ", converted by --dtype" }
    return dtype.isF8 ? ", decoded by --dtype unless it has scales" : ""
  }

  private static var formatTable: String {
    let all = Containers.registry.all
    let width = all.map { $0.name.rawValue.count }.max() ?? 0
    return all.map { container in
      let name = container.name.rawValue
      let access = container.output == nil ? "read" : "read and written"
      return name + String(repeating: " ", count: width + 2 - name.count) + access
        + ", \(container.summary)"
    }.joined(separator: "\n")
  }

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
