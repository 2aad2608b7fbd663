// Today's usage, the plans, and the subscription.

import { useEffect } from "preact/hooks";

import * as api from "../api/api.ts";
import type { Plan, Subscription } from "../api/types.ts";
import { text } from "../catalogue/text.ts";
import { loadAccount, loadPlans, loadSubscription, openPortal, plans, subscription, upgrade } from "../state/account.ts";
import { dialog, notify } from "../state/ui.ts";
import { Failure, useAction } from "./parts.tsx";
import { UsageMeter } from "./sidebar.tsx";

const day = (time: string | null | undefined) => (time ? new Date(time).toLocaleDateString(undefined, { dateStyle: "long" }) : null);

export function PlanPage() {
  const action = useAction();
  const load = () => Promise.all([loadSubscription(), loadPlans(), loadAccount()]);
  useEffect(() => void action.run(load), []);
  const now = subscription.value;
  return (
    <>
      <section>
        <UsageMeter />
      </section>
      <Failure of={action.failure} />
      {now && (
        <section id="subscription">
          <p><span class="hint">{text.plan.current}</span> <strong id="tier">{now.tier === "pro" ? text.plan.pro : text.plan.basic}</strong></p>
          <Standing subscription={now} />
          <div class="row">
            {now.required_action?.url && <a class="primary" id="pay" href={now.required_action.url} rel="noopener noreferrer">{text.plan.pay}</a>}
            {now.status !== "inactive" && (
              <button type="button" id="portal" class="secondary" disabled={action.isRunning} onClick={() => void action.run(openPortal)}>{text.plan.portal}</button>
            )}
            <Change subscription={now} run={(work) => void action.run(work)} isRunning={action.isRunning} />
          </div>
        </section>
      )}
      <ul class="plans">
        {plans.value?.map((plan) => (
          <PlanCard key={plan.id} plan={plan} isCurrent={plan.id === now?.tier}>
            {plan.id === "pro" && now?.tier === "basic" && !now.required_action && (
              <button type="button" id="upgrade" class="primary" disabled={action.isRunning} onClick={() => void action.run(upgrade)}>{text.plan.upgrade}</button>
            )}
          </PlanCard>
        ))}
      </ul>
    </>
  );
}

/** A subscription whose first payment is not complete is not owed yet. */
const owes = (now: Subscription) => Boolean(now.required_action) && now.status !== "incomplete";
const endsAt = (now: Subscription) => now.ends_at ?? (now.cancel_at_period_end ? now.current_period_end : null);

function Standing({ subscription: now }: { subscription: Subscription }) {
  if (now.required_action) return <p class="failure" id="standing">{owes(now) ? text.plan.due : text.plan.incomplete}</p>;
  if (now.tier !== "pro") return null;
  const [ends, renews] = [day(endsAt(now)), day(now.current_period_end)];
  return <p id="standing" class="hint">{ends ? text.plan.ends(ends) : renews ? text.plan.renews(renews) : null}</p>;
}

interface ChangeProps {
  subscription: Subscription;
  isRunning: boolean;
  run(work: () => Promise<unknown>): void;
}

function Change({ subscription: now, isRunning, run }: ChangeProps) {
  const after = (work: () => Promise<unknown>, said: string) => async () => {
    await work();
    await Promise.all([loadSubscription(), loadAccount()]);
    notify(said);
  };
  const isEnding = endsAt(now) !== null;
  if (now.tier === "pro" && isEnding) {
    return <button type="button" id="keep-pro" class="secondary" disabled={isRunning} onClick={() => run(after(api.keepPlan, text.plan.kept))}>{text.plan.keepPro}</button>;
  }
  if (now.tier !== "pro" && !owes(now)) return null;
  const cancel = async () => {
    await after(api.cancelPlan, text.plan.cancelled)();
    dialog.value = { kind: "settings", page: "plan" };
  };
  const confirmation = {
    title: text.plan.cancelTitle,
    text: owes(now) ? text.plan.cancelDue : text.plan.cancelText(day(now.current_period_end)),
    action: text.plan.cancel,
    run: cancel,
  };
  return <button type="button" id="cancel-pro" class="secondary" onClick={() => (dialog.value = { kind: "confirm", confirmation })}>{text.plan.cancel}</button>;
}

function PlanCard({ plan, isCurrent, children }: { plan: Plan; isCurrent: boolean; children: preact.ComponentChildren }) {
  const price = new Intl.NumberFormat(undefined, { style: "currency", currency: plan.currency }).format(plan.price);
  return (
    <li class={`plan ${isCurrent ? "is-current" : ""}`}>
      <h3>{plan.name}</h3>
      <p class="price">{plan.unit_amount === 0 ? text.plan.free : plan.interval ? text.plan.perInterval(price, plan.interval) : price}</p>
      <ul>
        {plan.features.map((feature) => (
          <li key={feature}>{feature}</li>
        ))}
      </ul>
      {children}
    </li>
  );
}
