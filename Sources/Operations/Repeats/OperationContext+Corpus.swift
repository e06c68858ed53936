import Base
import Checkpoints
import Repeats

extension OperationContext {
  /// Reads the documents of texts or tokens; standard input is copied to a temporary file before.
  func corpus(_ data: DataSettings) throws -> Corpus {
    try DataReader(
      data, temporaryFolder: temporaryFolder, memory: memory.limit, cancellation: cancellation,
      standardInput: { try spooledStandardInput() }, note: { observer.report(.note($0)) }
    ).corpus()
  }
}
