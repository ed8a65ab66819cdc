// The look of the pages, for light and dark screens and for paper.
#include "compiler/tools/Page.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

namespace attune::tools {

static constexpr llvm::StringLiteral kStyle = R"css(
:root{--ink:#1b1f24;--soft:#5b6570;--paper:#fff;--card:#f6f8fa;--line:#dde2e7;
--good:#0a7d46;--bad:#b4421a;--goodback:#e3f4ea;--badback:#fbe9e2}
@media (prefers-color-scheme:dark){:root{--ink:#e6eaee;--soft:#9aa5b1;
--paper:#14181d;--card:#1c2229;--line:#303943;--good:#58c98b;--bad:#f0986f;
--goodback:#173526;--badback:#3d2418}}
*{box-sizing:border-box}
body{margin:0 auto;padding:40px 32px 64px;max-width:1180px;color:var(--ink);
background:var(--paper);font:15px/1.5 system-ui,-apple-system,"Segoe UI",
Roboto,"Helvetica Neue",Arial,sans-serif}
.over{color:var(--soft);font-size:12px;letter-spacing:.08em;
text-transform:uppercase}
h1{margin:2px 0 0;font-size:30px;line-height:1.2;overflow-wrap:anywhere}
h2{margin:40px 0 10px;font-size:19px}
h2 small{color:var(--soft);font-size:14px;font-weight:400;margin-left:8px}
.machine{color:var(--soft);margin:6px 0 0;overflow-wrap:anywhere}
.tiles{display:flex;flex-wrap:wrap;gap:14px;margin:26px 0 8px}
.tile{flex:1 1 150px;background:var(--card);border:1px solid var(--line);
border-radius:10px;padding:14px 18px}
.tile b{display:block;font-size:24px;line-height:1.25;
font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:13px}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;
padding:10px;margin:18px 0;overflow-x:auto}
.card svg{display:block;margin:0 auto;max-width:100%;height:auto}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th{color:var(--soft);font-size:12px;font-weight:600;text-align:left;
border-bottom:2px solid var(--line);padding:6px 12px;white-space:nowrap}
td{border-bottom:1px solid var(--line);padding:8px 12px;vertical-align:top}
.n{text-align:right;white-space:nowrap}.tight{white-space:nowrap}
code{font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;
overflow-wrap:break-word}
.pill{display:inline-block;border-radius:20px;padding:0 10px;font-size:12px;
font-weight:600;line-height:21px;white-space:nowrap}
.good{color:var(--good)}.bad{color:var(--bad)}
.pill.good{background:var(--goodback)}.pill.bad{background:var(--badback)}
.cost{color:var(--soft);font-size:13px}
footer{color:var(--soft);font-size:13px;margin-top:36px}
)css";

// Charts are read by everybody's viewer: plain rules only.
static constexpr llvm::StringLiteral kChartStyle =
    "text{font:12px system-ui,sans-serif;fill:#5b6570}"
    ".title{font-size:15px;font-weight:600;fill:#1b1f24}"
    ".grid{stroke:#dde2e7}";

// On a page they follow its colours.
static constexpr llvm::StringLiteral kPageChartStyle =
    "svg text{font:12px system-ui,sans-serif;fill:var(--soft)}"
    "svg .title{font-size:15px;font-weight:600;fill:var(--ink)}"
    "svg .grid{stroke:var(--line)}";

llvm::StringRef chartStyle() { return kChartStyle; }

std::string escaped(llvm::StringRef text) {
  std::string out;
  llvm::raw_string_ostream os(out);
  llvm::printHTMLEscaped(text, os);
  return out;
}

void beginPage(llvm::raw_ostream &os, llvm::StringRef command,
               llvm::StringRef model, llvm::StringRef machine,
               llvm::ArrayRef<Tile> tiles) {
  std::string name = escaped(llvm::sys::path::filename(model));
  os << "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>\n"
        "<meta name='viewport' content='width=device-width'>\n<title>attune "
     << command << ": " << name << "</title>\n<style>" << kStyle
     << kPageChartStyle << "</style></head><body>\n<div class='over'>attune "
     << command << "</div>\n<h1>" << name << "</h1>\n<p class='machine'>"
     << escaped(machine) << "</p>\n<div class='tiles'>\n";
  for (const Tile &tile : tiles)
    os << "<div class='tile'><b>" << escaped(tile.value) << "</b><span>"
       << escaped(tile.label) << "</span></div>\n";
  os << "</div>\n";
}

void endPage(llvm::raw_ostream &os) { os << "</body></html>\n"; }

} // namespace attune::tools
