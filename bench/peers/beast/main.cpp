// The client of Boost.Beast: does one work, and prints its figures, as harness/client.mjs does. Its calls block, but
// for those on many sessions, of which each waits for a frame.
#include <boost/asio.hpp>
#include <boost/beast.hpp>
#include <boost/property_tree/json_parser.hpp>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace tree = boost::property_tree;
using asio::ip::tcp;
using Stream = beast::websocket::stream<tcp::socket>;

constexpr int period = 64;

double cpu() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  auto micros = [](timeval time) { return time.tv_sec * 1e6 + time.tv_usec; };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

std::uint32_t hash(std::uint32_t sum, unsigned char code) { return sum * 31 + code; }

void check(bool is_whole, long count, long total) {
  if (is_whole) return;
  std::ostringstream message;
  message << "Frames were lost: " << count << " of " << total << " came, or others than were sent";
  throw std::runtime_error(message.str());
}

struct Bench {
  asio::io_context context;
  std::string port;
  tree::ptree work;

  long get(const char* name) { return work.get<long>(name); }

  void open(Stream& stream, const std::string& path) {
    stream.next_layer().connect({asio::ip::make_address("127.0.0.1"), static_cast<unsigned short>(std::stoi(port))});
    stream.next_layer().set_option(tcp::no_delay(true));
    stream.handshake("127.0.0.1:" + port, path);
    stream.text(true);
  }

  static const unsigned char* bytes(beast::flat_buffer& buffer) {
    return static_cast<const unsigned char*>(buffer.data().data());
  }

  static std::string string(beast::flat_buffer& buffer, std::size_t from = 0) {
    return beast::buffers_to_string(buffer.data()).substr(from);
  }

  static tree::ptree parse(const std::string& json) {
    std::istringstream stream(json);
    tree::ptree parsed;
    tree::read_json(stream, parsed);
    return parsed;
  }

  tree::ptree receive() {
    const long size = get("size"), warm_up = get("warmUp"), frames = get("frames"), total = warm_up + frames;
    Stream stream(context);
    open(stream, "/receive?size=" + std::to_string(size) + "&frames=" + std::to_string(total) +
                     "&binary=" + (work.get("binary", false) ? "true" : "false"));
    stream.write(asio::buffer(std::string("go")));
    beast::flat_buffer buffer;
    double from = 0, used = 0;
    std::uint32_t sum = 0, expected = 0;
    long count = 0, length = 0;
    for (;;) {
      stream.read(buffer);
      const auto code = bytes(buffer)[0];
      if (code == '!') break;
      sum = hash(sum, code);
      length += buffer.size();
      buffer.clear();
      if (++count == warm_up) from = cpu();
      else if (count == total) used = cpu() - from;
    }
    for (long index = 0; index < total; index++) expected = hash(expected, '0' + index % period);
    check(count == total && sum == expected && length == total * size, count, total);
    tree::ptree figures;
    figures.put("cpu", used * 1e3 / frames);
    return figures;
  }

  tree::ptree send() {
    const long size = get("size"), warm_up = get("warmUp"), frames = get("frames");
    const long every = std::max(get("perTick") * 100, 1000L);
    Stream stream(context);
    open(stream, "/send?size=" + std::to_string(size));
    std::vector<std::string> texts;
    for (int index = 0; index < period; index++) {
      std::string text{static_cast<char>('0' + index), '0'};
      while (text.size() < static_cast<std::size_t>(size)) text += "the quick brown fox jumps over the lazy dog ";
      texts.push_back(text.substr(0, size));
    }
    long count = 0;
    std::uint32_t sum = 0;
    auto run = [&](long until) {
      while (count < until) {
        for (long index = 0; index < every; index++) {
          const auto& text = texts[count++ % period];
          stream.write(asio::buffer(text));
          sum = hash(hash(sum, text.front()), text.back());
        }
        stream.write(asio::buffer(std::string("!")));
        beast::flat_buffer buffer;
        stream.read(buffer);
        const auto told = parse(string(buffer));
        check(told.get<long>("count") == count && static_cast<std::uint32_t>(told.get<long>("sum")) == sum &&
                  told.get<bool>("isWhole"),
              told.get<long>("count"), count);
      }
    };
    run(warm_up);
    const auto from = cpu();
    run(count + frames);
    tree::ptree figures;
    figures.put("cpu", (cpu() - from) * 1e3 / frames);
    return figures;
  }

  tree::ptree echo() {
    const long warm_up = get("warmUp"), frames = get("frames");
    Stream stream(context);
    open(stream, "/echo?size=" + std::to_string(get("size")) + "&flight=" + std::to_string(get("flight")) +
                     "&warmUp=" + std::to_string(warm_up) + "&frames=" + std::to_string(frames));
    stream.write(asio::buffer(std::string("go")));
    beast::flat_buffer buffer;
    double from = 0, used = 0;
    for (long count = 0;;) {
      stream.read(buffer);
      if (bytes(buffer)[0] == '!') break;
      if (++count == warm_up) from = cpu();
      else if (count == warm_up + frames) used = cpu() - from;
      stream.write(buffer.data());
      buffer.clear();
    }
    auto figures = parse(string(buffer, 1));
    figures.put("cpu", used * 1e3 / frames);
    return figures;
  }

  struct Session {
    Stream stream;
    beast::flat_buffer buffer;
    explicit Session(asio::io_context& context) : stream(context) {}
  };

  static double rss() {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    long size = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> size >> resident;
    return static_cast<double>(resident) * sysconf(_SC_PAGESIZE);
  }

  tree::ptree idle() {
    const long clients = get("clients");
    std::vector<std::unique_ptr<Session>> sessions;
    auto add = [&](long count) {
      for (long index = 0; index < count; index++) {
        sessions.push_back(std::make_unique<Session>(context));
        auto& session = *sessions.back();
        open(session.stream, "/idle");
        session.stream.async_read(session.buffer, [](beast::error_code, std::size_t) {});
      }
      context.poll();
    };
    add(100);
    const auto before = rss();
    const auto from = cpu();
    add(clients);
    const auto used = cpu() - from;
    tree::ptree figures;
    figures.put("rss", (rss() - before) / clients);
    figures.put("cpu", used / clients);
    return figures;
  }
};

// property_tree would write all as strings.
void print(const tree::ptree& figures) {
  const char* between = "{";
  for (const auto& [name, value] : figures) {
    std::cout << between << '"' << name << "\":" << value.data();
    between = ",";
  }
  std::cout << "}" << std::endl;
}

int main(int, char** argv) {
  try {
    const auto order = Bench::parse(argv[1]);
    Bench bench;
    const auto url = order.get<std::string>("url");
    bench.port = url.substr(url.rfind(':') + 1);
    bench.work = order.get_child("work");
    const auto kind = bench.work.get<std::string>("kind");
    if (kind == "receive") print(bench.receive());
    else if (kind == "send") print(bench.send());
    else if (kind == "echo") print(bench.echo());
    else if (kind == "idle") print(bench.idle());
    else throw std::runtime_error("No such work: " + kind);
    // The sessions need no closing handshake.
    std::_Exit(0);
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
  }
}
