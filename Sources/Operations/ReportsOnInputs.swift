import Base
import Checkpoints
import Reporting

extension OperationContext {
  /// Reads each input and makes a report on it.
  ///
  /// If there are several inputs, an error in one of them is reported to the observer and the others are
  /// still processed.
  func reports(
    on paths: [String], _ body: (Checkpoint) throws -> any Report
  ) throws -> OperationResult {
    guard paths.count != 1 else {
      return OperationResult(reports: [try body(try read(paths[0]))])
    }
    var result = OperationResult(inputCount: paths.count)
    for path in paths {
      do { result.reports.append(try body(try read(path))) } catch let error as InterruptedError {
        throw error
      } catch {
        observer.report(.failure(try asUserError(error)))
        result.status = .partOfBatchFailed
      }
    }
    return result
  }
}
