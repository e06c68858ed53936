import Base
package import Checkpoints
import Containers
import TensorCore
import TokenData

/// The file for a mixture of tokens: ids without a header, or a tensor of sequences.
package struct MixOutput {
  package let path: String
  /// The type of the ids, such as `u16`.
  package let integer: String
  private let element: TokenElement?
  private let dtype: DType
  private let replacesExisting: Bool
  private let inputs: [FileIdentity]

  /// The name of the tensor.
  private static let tensorName = "tokens"

  /// - Parameters:
  ///   - corpus: The data, whose type of ids a tensor has too.
  ///   - idLimit: The number above all ids of a tokenizer; nil for data that have tokens.
  ///   - inputs: Files that the output must not replace, beside the data.
  /// - Throws: ``UsageError`` or ``OutputExistsError``.
  package init(
    _ corpus: Corpus, to path: String, idLimit: Int?, inputs: [String], replacesExisting: Bool
  ) throws {
    (self.path, self.replacesExisting) = (path, replacesExisting)
    self.inputs =
      corpus.sources.flatMap(\.origin.identities)
      + inputs.compactMap { try? FileIdentity.ifPresent($0) }
    let suffix = path.split(separator: "/").last?.split(separator: ".").dropFirst().last ?? ""
    element = TokenElement(rawValue: String(suffix))
    let integer =
      element?.integer ?? Self.integer(corpus) ?? (idLimit ?? .max <= 1 << 16 ? .u16 : .i32)
    self.integer = integer.rawValue
    guard let dtype = DType(name: integer.rawValue.uppercased()) else {
      throw UsageError("\(path.printable): tensors have no ids of \(integer.rawValue)")
    }
    self.dtype = dtype
    if element == nil {
      let container: any ContainerOutput.Type
      do { container = try Containers.output(forPath: path) } catch let error as UsageError {
        throw UsageError(
          error.message,
          hint:
            "use a name that ends with .npy, .safetensors or .\(TokenElement.allCases.map(\.rawValue).joined(separator: ", ."))"
        )
      }
      guard !container.isFolder else {
        throw UsageError("\(path.printable) is the name of a folder, expected that of a file")
      }
    }
    try AtomicOutput(path: path, replacesExisting: replacesExisting, inputs: self.inputs)
      .check(isDirectory: false)
  }

  /// Returns the type of the ids of the data, if there is one.
  private static func integer(_ corpus: Corpus) -> TokenInteger? {
    let types = Set(
      corpus.sources.map { source -> TokenInteger? in
        switch source.origin.form {
        case .objects, .lines, .text: nil
        case .ids(let element): element.integer
        case .tensor(let tensor, _): TokenInteger(dtypeName: tensor.info.dtype.name)
        }
      })
    return types.count == 1 ? types.first.flatMap(\.self) : nil
  }

  /// Writes the mixture.
  /// - Throws: ``UsageError`` if an id does not fit the type; ``FileError``.
  package func write(
    _ mix: TokenMix, _ resources: CorpusOutput.Resources, group: OutputGroup
  ) throws {
    var output = AtomicOutput(path: path, replacesExisting: replacesExisting, inputs: inputs)
    output.group = group
    guard let element else { return try writeTensor(mix, resources, group) }
    try output.writeFile { file in
      let documents = DocumentFile(file, name: "")
      for start in stride(from: 0, to: mix.tokenCount, by: 1 << 16) {
        try resources.cancellation.check()
        let ids = try mix.ids(start..<min(mix.tokenCount, start + 1 << 16))
        try documents.append(Self.bytes(of: ids, element.integer, path))
      }
      try documents.finish()
    }
  }

  private func writeTensor(
    _ mix: TokenMix, _ resources: CorpusOutput.Resources, _ group: OutputGroup
  ) throws {
    let info = try TensorInfo(
      name: Self.tensorName, dtype: dtype, shape: Shape([mix.counts.total, mix.counts.length]))
    let integer = TokenInteger(dtypeName: dtype.name) ?? .i32
    let source = TokenTensorSource { try Self.bytes(of: mix.ids($0), integer, path) }
    let tensor = LazyTensor(
      info: info, source: source,
      stored: StoredForm(file: path, byteOffset: 0, byteCount: info.byteCount, dtype: dtype))
    let checkpoint = Checkpoint(
      path: path, container: .memory, tensors: [tensor],
      identity: InputIdentity(hash: "", byteCount: info.byteCount), files: inputs)
    try OutputJob(
      checkpoint, to: path, container: Containers.output(forPath: path), options: WriterOptions(),
      replacesExisting: replacesExisting
    ).run(
      jobs: resources.jobs, memory: resources.memory, cancellation: resources.cancellation,
      progress: resources.progress, group: group)
  }

  private static func bytes(
    of ids: [Int32], _ integer: TokenInteger, _ path: String
  ) throws -> [UInt8] {
    if let id = ids.first(where: { $0 >= integer.idLimit }) {
      throw UsageError(
        "\(path.printable): token \(id) does not fit into \(integer.rawValue)",
        hint: "write ids of 32 bits, with a name that ends with .i32")
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(ids.count * integer.byteCount)
    integer.append(ids, to: &bytes)
    return bytes
  }
}
