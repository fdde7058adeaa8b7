"""日本語で出力するジョブ。"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from scheduler_demo.sample.command import SampleCommand


class Command(SampleCommand):
    help = "日本語の日次集計(見本)を出力します。"

    def work(self, options: dict[str, Any]) -> None:
        now = datetime.now(ZoneInfo("Asia/Tokyo"))
        self.stdout.write(f"【日次集計】{now:%Y年%m月%d日 %H時%M分%S秒}")
        self.stdout.write("  売上: 1,234,567円 前日比: +3.2%")
        self.stdout.write("  在庫が少ない商品: 髙島屋限定セット、①番ケーブル")
        self.stdout.write("集計は正常に終了しました。")
