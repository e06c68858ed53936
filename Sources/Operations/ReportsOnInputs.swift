import Base
import Checkpoints
import Reporting

extension OperationContext {
  /// Reads each input and makes a report on it.
  ///
  /// If there are several inputs, an error in one of them is reported to the observer and is part of the list, and the
  /// others are still processed.
  func reports(
    on paths: [String], _ body: (Checkpoint) throws -> any Report
  ) throws -> OperationResult {
    guard paths.count != 1 else {
      return OperationResult(reports: [try body(try read(paths[0], for: .report))])
    }
    var list = ReportList()
    var result = OperationResult()
    for path in paths {
      let name = path == Self.standardInputPath ? Self.standardInputName : path
      do { list.append(try body(try read(path, for: .report)), on: name) } catch let error
        as InterruptedError
      {
        throw error
      } catch {
        let error = try asUserError(error)
        observer.report(.failure(error))
        list.append(FailureReport(error, path: name), on: name)
        result.status = .partOfBatchFailed
      }
    }
    result.list = list
    return result
  }
}
