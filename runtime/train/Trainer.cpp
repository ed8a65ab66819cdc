//===- Trainer.cpp - the loop over steps ----------------------------------===//
#include "runtime/train/Trainer.h"
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <set>

namespace attune::train {

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

static bool hasEntry(attune_model *model, std::string_view name) {
  for (size_t i = 0; i < attune_model_entry_count(model); ++i)
    if (attune_model_entry_name(model, i) == name)
      return true;
  return false;
}

/// The number of the output called `name`, if there is one.
static std::optional<size_t> outputOf(attune_model *entry,
                                      std::string_view name) {
  for (size_t i = 0; i < attune_model_output_count(entry); ++i) {
    attune_value_info info;
    if (attune_model_output(entry, i, &info) == ATTUNE_OK &&
        info.name == name && info.rank == 0 && info.dtype == ATTUNE_F32)
      return i;
  }
  return std::nullopt;
}

/// A scalar that the last run gave; 0 where the entry point has none.
static double read(attune_model *entry, attune_session *session,
                   std::string_view name) {
  std::optional<size_t> index = outputOf(entry, name);
  attune_tensor tensor;
  if (!index ||
      attune_session_get_output(session, *index, &tensor) != ATTUNE_OK)
    return 0;
  float value = 0;
  std::memcpy(&value, tensor.data, sizeof value);
  return double(value);
}

Error Trainer::openEntry(attune_model *model, const char *name, Model &entry,
                         Session &session) {
  attune_model *handle = nullptr;
  if (Error error = check(attune_model_entry(model, name, &handle)))
    return error;
  entry.reset(handle);
  return tools::openSession(handle, options.threads, /*profile=*/false,
                            memory.get(), session);
}

/// What the manifest says of labels and indices.
static void addStated(attune_model *model, Limits &limits) {
  tools::Json manifest =
      tools::Json::parse(attune_model_manifest(model), nullptr, false);
  limits.indices = indexBoundsIn(manifest);
  auto found = manifest.find("ignored_labels"); // the end of what is no object
  if (found == manifest.end() || !found->is_array())
    return;
  limits.ignored.emplace();
  for (const tools::Json &label : *found)
    if (label.is_number_integer())
      limits.ignored->push_back(label.get<int64_t>());
}

/// Classes that the model tells apart: the last dim of what it gives, where
/// that is known.
static Limits limitsOf(attune_model *model) {
  Limits limits;
  addStated(model, limits);
  attune_model *handle = nullptr;
  if (attune_model_entry(model, "infer", &handle) != ATTUNE_OK)
    return limits;
  Model infer(handle);
  attune_value_info info;
  if (attune_model_output(handle, 0, &info) != ATTUNE_OK || info.rank < 2 ||
      info.dims[info.rank - 1] < 0)
    return limits;
  limits.classes = info.dims[info.rank - 1];
  limits.labelRank = info.rank - 2;
  return limits;
}

/// A label that is no class would count as ignored, and nobody would know.
static Error checkClasses(const Limits &limits, const Source &source,
                          const std::string &path) {
  const Vocabulary *found = source.vocabulary();
  if (!limits.classes || !found || found->size <= *limits.classes)
    return {};
  return usage(cat(path, ": it has ", found->size,
                   " different tokens or classes, the model ", *limits.classes,
                   "; compile it for as many (--set vocab=", found->size,
                   " of a model that has the parameter vocab)"));
}

Error Trainer::create(attune_model *model, const TrainerOptions &wanted) {
  options = wanted;
  if (!hasEntry(model, "step"))
    return usage("the package does not train: it has no entry point \"step\"; "
                 "compile a model that has a train section, or an .onnx with "
                 "--loss");
  attune_state *state = nullptr;
  if (Error error = check(attune_state_create(model, options.seed, &state)))
    return error;
  memory.reset(state);
  progress.seed = options.seed;
  if (Error error = openEntries(model))
    return error;
  if (Error error = checkSizes())
    return error;
  return openData(model);
}

Error Trainer::openEntries(attune_model *model) {
  bool accumulates = options.accumulate > 1;
  if (Error error = openEntry(model, accumulates ? "grad" : "step", stepEntry,
                              stepSession))
    return error;
  if (Error error = readTensorData(options.data.path, tensors))
    return error;
  if (Error error = addSizes(stepEntry.get(), tensors, options.sizes))
    return error;
  constexpr int64_t kUsualBatch = 32;
  int64_t batch = options.batch ? options.batch : kUsualBatch;
  if (Error error = feed.create(stepEntry.get(), options.sizes, batch))
    return error;
  if (options.batch && feed.batch() != options.batch)
    return usage(cat("--batch ", options.batch, ": the model takes ",
                     feed.batch(),
                     " samples at once, by its own dims or by "
                     "--shape; leave --batch out"));
  if (accumulates)
    if (Error error = openApply(model))
      return error;
  if (!hasEntry(model, "eval"))
    return {};
  if (Error error = openEntry(model, "eval", evalEntry, evalSession))
    return error;
  return evalFeed.create(evalEntry.get(), options.sizes, batch);
}

/// What makes a step of several calls: the optimizer by itself, and the number
/// of labels that count, where it depends on the labels.
Error Trainer::openApply(attune_model *model) {
  if (Error error = openEntry(model, "apply", applyEntry, applySession))
    return error;
  if (Error error = applyFeed.create(applyEntry.get(), {}, 0))
    return error;
  if (!hasEntry(model, "count"))
    return {};
  if (Error error = openEntry(model, "count", countEntry, countSession))
    return error;
  if (Error error =
          countFeed.create(countEntry.get(), options.sizes, feed.batch()))
    return error;
  return countFeed.takeFrom(feed.rows());
}

/// A size under a name that no dim has would be passed over, and nobody would
/// know.
Error Trainer::checkSizes() const {
  std::set<std::string> known;
  for (attune_model *entry : {stepEntry.get(), evalEntry.get()})
    for (size_t i = 0; entry && i < attune_model_symbol_count(entry); ++i) {
      attune_symbol_info info;
      if (Error error = check(attune_model_symbol(entry, i, &info)))
        return error;
      known.insert(info.name);
    }
  std::string names;
  for (const std::string &name : known)
    names += cat(names.empty() ? "" : ", ", name);
  for (const auto &[name, size] : options.sizes)
    if (!known.count(name))
      return tools::noSuchDim(name, names);
  return {};
}

/// Both parts are read for one list of rows.
static Error checkSameRows(const Feed &step, const Feed &eval) {
  if (step.rows() == eval.rows())
    return {};
  return {ATTUNE_BAD_PACKAGE,
          "the entry points \"step\" and \"eval\" take different data"};
}

Error Trainer::openData(attune_model *model) {
  DatasetOptions wanted = options.data;
  if (!evalSession)
    wanted.validation = 0;
  else if (Error error = checkSameRows(feed, evalFeed))
    return error;
  limits = limitsOf(model);
  if (Error error =
          openSources(wanted, feed.rows(), limits, std::move(tensors), sources))
    return error;
  if (training().size() < 1)
    return usage(cat(wanted.path, ": it has no sample to train on"));
  sampler = Sampler(options.seed, training().size(), training().isWindowed());
  for (const Source *part : {sources.training.get(), sources.validation.get()})
    if (part)
      if (Error error = checkClasses(limits, *part, wanted.path))
        return error;
  return sources.validation ? planEvaluation() : Error();
}

/// Windows follow each other, so that each token counts once. Where a model
/// takes batches of one size only, what is left over at the end is left out.
/// That nothing is left at all must be known before anything is trained.
Error Trainer::planEvaluation() {
  const Source &part = *sources.validation;
  int64_t samples = part.size(), batch = evalFeed.batch();
  if (part.isWindowed()) {
    stride = std::max<int64_t>(evalFeed.rows().front().elements(), 1);
    samples = (samples - 1) / stride + 1;
  }
  evaluated = evalFeed.mayBeSmaller() ? samples : samples / batch * batch;
  if (evaluated > 0)
    return {};
  return usage(
      cat(options.data.path, ": the validation part has ", samples,
          " samples, which is less than the model's batch of ", batch,
          "; --validation gives it another share, 0 does without one"));
}

int64_t Trainer::labelsOfSample() const {
  std::optional<size_t> labels = labelsAmong(feed.rows());
  return labels ? std::max<int64_t>(feed.rows()[*labels].elements(), 1) : 1;
}

std::vector<int64_t> Trainer::indicesOf(int64_t number) {
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < feed.batch(); ++i)
    indices.push_back(sampler.indexOf(number + i));
  return indices;
}

Error Trainer::call(const Scalars &scalars, int64_t number, double &loss) {
  attune_session *session = stepSession.get();
  feed.fill(training(), indicesOf(number));
  if (Error error = feed.set(session, scalars))
    return error;
  if (Error error = check(attune_session_run(session)))
    return error;
  loss = read(stepEntry.get(), session, "loss");
  return {};
}

bool Trainer::labelsCount() const {
  std::optional<size_t> labels = labelsAmong(feed.rows());
  return !labels ||
         anyCounts(feed.rows()[*labels], feed.bytesOf(*labels), limits);
}

/// A loss is a mean over the labels that count, so the mean over all calls
/// weighs each by how many those are.
Error Trainer::weigh(std::vector<double> &weights) {
  weights.assign(size_t(options.accumulate), 1.0 / double(options.accumulate));
  if (!countSession)
    return {};
  std::vector<double> counts;
  double sum = 0;
  for (int64_t i = 0; i < options.accumulate; ++i) {
    attune_session *session = countSession.get();
    countFeed.fill(training(), indicesOf(progress.samples + i * feed.batch()));
    if (Error error = countFeed.set(session, {}))
      return error;
    if (Error error = check(attune_session_run(session)))
      return error;
    counts.push_back(read(countEntry.get(), session, "count"));
    sum += counts.back();
  }
  for (size_t i = 0; sum > 0 && i < counts.size(); ++i)
    weights[i] = counts[i] / sum;
  return {};
}

Error Trainer::clearGradients() {
  for (size_t i = 0; i < attune_model_state_count(stepEntry.get()); ++i) {
    attune_state_info info;
    if (Error error = check(attune_state_get(memory.get(), i, &info)))
      return error;
    if (info.kind == ATTUNE_STATE_GRADIENT)
      std::memset(info.tensor.data, 0, info.tensor.bytes);
  }
  return {};
}

Error Trainer::accumulate(Scalars scalars, const Stop &stop,
                          StepResult &result) {
  std::vector<double> weights;
  if (Error error = weigh(weights))
    return error;
  result.hasLabels = false;
  for (int64_t i = 0; i < options.accumulate; ++i) {
    if (i > 0 && stop && stop())
      return clearGradients();
    double weight = weights[size_t(i)], loss = 0;
    scalars.first = i * feed.batch();
    scalars.scale = float(weight);
    if (Error error = call(scalars, progress.samples + scalars.first, loss))
      return error;
    result.hasLabels = result.hasLabels || labelsCount();
    // Where no label counts, the loss need not be a number.
    if (weight > 0)
      result.loss += weight * loss;
  }
  result.isDone = true;
  return {};
}

Error Trainer::step(const Stop &stop, StepResult &result) {
  Clock::time_point start = Clock::now();
  result = {};
  result.step = progress.step + 1;
  result.rate = options.schedule.at(result.step);
  Scalars scalars;
  scalars.seed = int64_t(options.seed);
  scalars.step = result.step;
  scalars.rate = float(result.rate);
  if (Error error = accumulate(scalars, stop, result))
    return error;
  if (!result.isDone)
    return {};
  attune_model *last = stepEntry.get();
  attune_session *session = stepSession.get();
  attune_cost cost = {};
  if (Error error = check(attune_session_cost(session, &cost)))
    return error;
  result.flops = cost.flops * double(options.accumulate);
  if (applySession) {
    last = applyEntry.get();
    session = applySession.get();
    if (Error error = applyFeed.set(session, scalars))
      return error;
    if (Error error = check(attune_session_run(session)))
      return error;
  }
  result.gradientNorm = read(last, session, "grad_norm");
  result.samples = samplesOfStep();
  result.seconds = secondsSince(start);
  progress.step = result.step;
  progress.samples += result.samples;
  return checkResult(result);
}

Error Trainer::checkResult(const StepResult &result) const {
  const char *what = !std::isfinite(result.loss)           ? "loss"
                     : !std::isfinite(result.gradientNorm) ? "gradient"
                                                           : nullptr;
  if (!what)
    return {};
  return usage(cat("the ", what, " of step ", result.step,
                   " is no number; a lower --lr, a longer --warmup or clipping "
                   "in the model may help"));
}

/// Short, and the same for the same number.
static std::string numberText(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.12g", value);
  return text;
}

std::map<std::string, std::string> Trainer::conditions() const {
  const Schedule &schedule = options.schedule;
  size_t slash = options.data.path.find_last_not_of('/');
  std::string path = options.data.path.substr(0, slash + 1);
  std::map<std::string, std::string> result = {
      {"--batch", cat(feed.batch())},
      {"--accum", cat(options.accumulate)},
      {"--schedule", kScheduleNames[int(schedule.kind)]},
      {"--lr", numberText(schedule.rate)},
      {"--warmup", cat(schedule.warmup)},
      {"--data", path.substr(path.rfind('/') + 1)},
      {"--vocabulary", options.data.vocabulary},
      {"samples", cat(training().size())}};
  for (const auto &[name, size] : options.sizes)
    result[cat("--shape ", name)] = cat(size);
  if (schedule.kind == ScheduleKind::Linear ||
      schedule.kind == ScheduleKind::Cosine) {
    result["--min-lr"] = numberText(schedule.least);
    result["--steps"] = cat(schedule.steps);
  } else if (schedule.kind == ScheduleKind::Step) {
    result["--decay-every"] = cat(schedule.every);
    result["--decay"] = numberText(schedule.factor);
  }
  return result;
}

Error Trainer::evaluate(int64_t mostBatches, const Stop &stop,
                        Evaluation &result) {
  Clock::time_point start = Clock::now();
  result = {};
  int64_t batch = evalFeed.batch(), samples = evaluated;
  if (mostBatches > 0)
    samples = std::min(samples, mostBatches * batch);
  double loss = 0, count = 0, correct = 0;
  for (int64_t first = 0; first < samples; first += batch) {
    if (stop && stop())
      return {};
    std::vector<int64_t> indices;
    for (int64_t i = first; i < std::min(first + batch, samples); ++i)
      indices.push_back(i * stride);
    evalFeed.fill(*sources.validation, indices);
    if (Error error = evalFeed.set(evalSession.get(), {}))
      return error;
    if (Error error = check(attune_session_run(evalSession.get())))
      return error;
    loss += read(evalEntry.get(), evalSession.get(), "loss");
    count += read(evalEntry.get(), evalSession.get(), "count");
    correct += read(evalEntry.get(), evalSession.get(), "correct");
  }
  result.loss = count > 0 ? loss / count : 0;
  if (outputOf(evalEntry.get(), "correct") && count > 0)
    result.accuracy = correct / count;
  result.samples = samples;
  result.seconds = secondsSince(start);
  result.isDone = true;
  return {};
}

} // namespace attune::train
