import Base
import Checkpoints
import Reporting

extension OperationContext {
  /// Reads each input and makes a report on it.
  ///
  /// - Parameter substitute: Makes a report on an input that cannot be read; throws its error again by default.
  ///
  /// If there are several inputs, an error in one of them is reported to the observer and is part of the list, and the
  /// others are still processed.
  func reports(
    on paths: [String],
    substitute: (String, FormatError) throws -> any Report = { throw $1 },
    _ body: (Checkpoint) throws -> any Report
  ) throws -> OperationResult {
    func report(on path: String) throws -> any Report {
      let checkpoint: Checkpoint
      do { checkpoint = try read(path, for: .report) } catch let error as FormatError {
        return try substitute(path, error)
      }
      return try body(checkpoint)
    }
    guard paths.count != 1 else { return OperationResult(reports: [try report(on: paths[0])]) }
    var list = ReportList()
    var result = OperationResult()
    for path in paths {
      let name = path == Self.standardInputPath ? Self.standardInputName : path
      do { list.append(try report(on: path), on: name) } catch let error
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
