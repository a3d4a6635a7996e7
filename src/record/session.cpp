// SPDX-License-Identifier: MIT
#include "record/session.hpp"

#include "decode/tables.hpp"
#include "os/clock.hpp"
#include "os/cut_files.hpp"
#include "os/files.hpp"
#include "os/privileges.hpp"
#include "os/side_files.hpp"
#include "os/signals.hpp"
#include "record/recording_place.hpp"
#include "record/sampler.hpp"
#include "util/byte_reader.hpp"
#include "util/text.hpp"
#include "util/version.hpp"

#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

namespace netlog::record {
namespace {

namespace asio = boost::asio;
using capture::RawRecord;

std::unique_ptr<os::RecordingFile> hold(const std::filesystem::path& path) {
  auto held = os::hold_recording_file(path);
  if (held) {
    return std::move(*held);
  }
  if (held.error().code == boost::system::errc::resource_unavailable_try_again) {
    throw CommandFailed{
        fmt::format("cannot record into {}: another recorder is writing it, or somebody has locked "
                    "it; stop that one or name another file with --db",
                    utf8(path))};
  }
  const auto* const advice = held.error().code == boost::system::errc::too_many_files_open
                                 ? "raise the limit of open files: ulimit -n"
                                 : "check its directory and rights, or name another file with --db";
  throw CommandFailed{
      fmt::format("cannot record into {}: {}; {}", utf8(path), held.error().message(), advice)};
}

void report_foreign_files(const os::RecordingFile& held, const Observer& observer) {
  for (const auto& aside : held.set_aside()) {
    observer.on_message(describe_set_aside(aside));
  }
}

void grant_group_read(os::RecordingFile& held,
                      const std::filesystem::path& path,
                      const std::optional<os::Readers>& readers) {
  if (!readers) {
    return;
  }
  if (const auto opened = held.grant_group_read(*readers); !opened) {
    throw CommandFailed{fmt::format(
        "cannot let group {} read {}: {}; only its members and root may give a file to a group",
        readers->group,
        utf8(path),
        opened.error().message())};
  }
}

/// Removes the file that we created if recording never began: no partial database is left behind.
class CreatedFile {
 public:
  CreatedFile(std::filesystem::path path, bool created)
      : path_{std::move(path)}, created_{created} {}
  CreatedFile(const CreatedFile&) = delete;
  CreatedFile& operator=(const CreatedFile&) = delete;
  ~CreatedFile() {
    if (created_) {
      std::error_code ignored;
      std::filesystem::remove(path_, ignored);
      for (const auto* const suffix : os::kWalFiles) {
        std::filesystem::remove(with_suffix(path_, suffix), ignored);
      }
    }
  }
  void keep() { created_ = false; }

 private:
  std::filesystem::path path_;
  bool created_;
};

// Half of the queue: when it is full, the sources wait, and the kernel drops what they do not read.
constexpr std::size_t kThinFromItems = 25'000;

store::WriterOptions writer_options(const StorageOptions& storage,
                                    RecordingPlace& place,
                                    std::function<void(const std::string&)> on_message) {
  store::WriterOptions options;
  options.on_message = std::move(on_message);
  options.limits = storage.limits;
  options.synchronous = storage.synchronous;
  place.watch(options);
  return options;
}

RawRecord session_record(const LiveOptions& options, const source::LiveSource& source) {
  const auto text = fmt::format("{}interval_ns={}\nsources={}\nstarted_ns={}\n",
                                source::describe_host(),
                                options.interval.count(),
                                source.name(),
                                os::read_wall_clock_ns());
  const auto now_ns = os::read_boot_clock_ns();
  return {0, Span{now_ns, now_ns}, capture::SessionText{bytes_of(text)}};
}

Result<Session> session_from(const capture::SessionText& about) {
  auto session = decode::decode_session(as_text(about.text));
  if (session) {
    session->netlog_version = kVersion;
  }
  return session;
}

/// Reports progress until stop(), to the observer and to the server of metrics if there is one.
class ProgressReporter {
 public:
  ProgressReporter(asio::io_context& io,
                   const Observer& observer,
                   const source::LiveSource& source,
                   const Recorder& recorder,
                   const store::Writer& writer,
                   std::int64_t interval_ns,
                   MetricsServer* metrics)
      : timer_{io},
        observer_{observer},
        source_{source},
        source_name_{source.name()},
        recorder_{recorder},
        writer_{writer},
        interval_ns_{interval_ns},
        metrics_{metrics} {
    publish();
  }

  asio::awaitable<void> run() {
    while (!stopping_) {
      timer_.expires_after(observer_.every);
      boost::system::error_code cancelled;
      co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
      if (!stopping_) {
        if (auto now = source_.name(); now != source_name_) {
          source_name_ = std::move(now);
          observer_.fell_back(source_name_, source_.fallback_reason());
        }
        observer_.progress(
            recorder_.progress(), writer_.totals(), recorder_.tracker().open_connections());
        publish();
      }
    }
  }
  void stop() {
    stopping_ = true;  // covers a timer that had already fired
    timer_.cancel();
  }

 private:
  void publish() {
    if (metrics_ != nullptr) {
      metrics_->publish({source_name_,
                         started_ns_,
                         interval_ns_,
                         recorder_.last_tick_utc_ns(),
                         recorder_.progress(),
                         writer_.totals(),
                         recorder_.counts(),
                         recorder_.tracker().open_counts()});
    }
  }

  asio::steady_timer timer_;
  const Observer& observer_;
  const source::LiveSource& source_;
  std::string source_name_;
  const Recorder& recorder_;
  const store::Writer& writer_;
  std::int64_t started_ns_ = os::read_wall_clock_ns();
  std::int64_t interval_ns_;
  MetricsServer* metrics_;
  bool stopping_ = false;
};

}  // namespace

Recorded record_live(const LiveOptions& options, const Observer& observer) {
  // Files are opened without the rights that the sources need.
  std::optional<os::RaisedRights> raised{std::in_place};
  auto made = source::make_live_source(options.source);
  raised.reset();
  if (!made) {
    throw CommandFailed{
        fmt::format("cannot read this host's connection tables: {}", made.error().message())};
  }
  auto& source = **made;
  std::optional<MetricsServer> metrics;
  if (options.metrics) {  // before there is a file, and while sockets can be made
    metrics.emplace(options.metrics->address, options.metrics->text);
  }
  RecordingPlace place{options.database, hold(options.database), options.storage.readers};
  CreatedFile created{options.database, place.held().created()};
  std::optional<capture::CaptureWriter> capture;
  if (options.capture) {
    capture.emplace(*options.capture);
  }
  const auto about = session_record(options, source);
  if (capture) {
    capture->write(about);
  }
  // Before the writer's thread begins: each thread has rights of its own.
  if (const auto dropped = os::drop_rights({options.storage.readers.has_value()}); !dropped) {
    throw CommandFailed{
        fmt::format("cannot give up the rights that recording into {} does not need: {}; start it "
                    "where it may (seccomp?), or as a user without rights",
                    utf8(options.database),
                    dropped.error().message())};
  }
  if (const auto restricted = os::restrict_system_calls({metrics.has_value()}); !restricted) {
    observer.on_message(fmt::format("recording without a filter of system calls: {}",
                                    restricted.error().message()));
  }
  // Not before: messages are written by a thread, and each thread has rights of its own.
  report_foreign_files(place.held(), observer);
  asio::io_context io{1};
  auto writing = writer_options(options.storage, place, [&](const std::string& text) {
    asio::post(io, [&observer, text] { observer.on_message(text); });
  });
  writing.thin_from_items = kThinFromItems;
  os::go_on_when_a_mapped_file_is_cut();
  store::Writer writer{options.database,
                       session_from(std::get<capture::SessionText>(about.payload)).value(),
                       std::move(writing)};
  grant_group_read(place.held(), options.database, options.storage.readers);
  created.keep();
  Recorder recorder{writer, options.interval.count()};
  recorder.set_udp_timeout(options.udp_timeout.count());
  const auto origin = TickSchedule::Clock::now();
  Sampler sampler{io,
                  TickSchedule{origin, options.interval},
                  options.interval.count(),
                  options.cpu_budget,
                  source,
                  recorder,
                  capture ? &*capture : nullptr,
                  [&](const std::string& why) {
                    observer.on_message(why + "; the recording goes on without it");
                  }};
  std::exception_ptr failure;
  ProgressReporter reporter{io,
                            observer,
                            source,
                            recorder,
                            writer,
                            options.interval.count(),
                            metrics ? &*metrics : nullptr};
  const auto adjust = [&] {
    if (const auto now = options.read_again()) {
      asio::post(io, [&, now = *now] {
        sampler.set_cpu_budget(now.cpu_budget);
        writer.set_limits(now.limits);
        observer.adjusted();
      });
    }
  };
  const auto stop_requests =
      os::watch_stop_requests([&] { asio::post(io, [&sampler] { sampler.stop(); }); },
                              options.read_again ? adjust : std::function<void()>{});
  observer.started(source.name(), source.fallback_reason());
  if (metrics) {
    metrics->start();
    observer.serving(metrics->address());
  }
  const auto ends_at =
      options.duration ? origin + *options.duration : TickSchedule::Clock::time_point::max();
  asio::co_spawn(io, reporter.run(), [](const std::exception_ptr& /*error*/) {});
  // Whichever ends first, for whatever reason, ends the other.
  const auto ended = [&](const std::exception_ptr& error) {
    failure = failure ? failure : error;
    sampler.stop();
    reporter.stop();
  };
  asio::co_spawn(io, sampler.drain(), ended);
  asio::co_spawn(io, sampler.run(ends_at), ended);
  raised.emplace();
  io.run();
  metrics.reset();
  if (failure) {
    std::rethrow_exception(failure);
  }
  sampler.flush();
  recorder.finish();
  writer.finish(recorder.to_utc(os::read_boot_clock_ns()));
  sampler.end_capture();
  return {recorder.progress(), writer.totals()};
}

Recorded record_capture(const std::filesystem::path& capture,
                        const std::filesystem::path& database,
                        const StorageOptions& storage,
                        const Observer& observer,
                        std::chrono::nanoseconds udp_timeout) {
  capture::CaptureReader reader{capture};
  const auto next = [&]() -> std::optional<RawRecord> {
    auto record = reader.next();
    if (!record) {
      throw CommandFailed{
          fmt::format("cannot replay {}: {}", utf8(capture), record.error().message())};
    }
    return std::move(*record);
  };
  const auto first = next();
  const auto* const about = first ? std::get_if<capture::SessionText>(&first->payload) : nullptr;
  if (about == nullptr) {
    throw CommandFailed{
        fmt::format("cannot replay {}: it does not begin with a session", utf8(capture))};
  }
  const auto session = session_from(*about);
  if (!session) {
    throw CommandFailed{
        fmt::format("cannot replay {}: {}", utf8(capture), session.error().message())};
  }
  RecordingPlace place{database, hold(database), storage.readers};
  CreatedFile created{database, place.held().created()};
  report_foreign_files(place.held(), observer);
  store::Writer writer{database, *session, writer_options(storage, place, {})};
  grant_group_read(place.held(), database, storage.readers);
  created.keep();
  Recorder recorder{writer, session->interval_ns};
  recorder.set_udp_timeout(udp_timeout.count());
  observer.started("capture:" + utf8(capture), "");
  while (const auto record = next()) {
    recorder.consume(*record);
  }
  if (reader.truncated()) {
    recorder.note_cut_capture();
  }
  recorder.finish();
  writer.finish(recorder.now_utc_ns());
  return {recorder.progress(), writer.totals()};
}

}  // namespace netlog::record
